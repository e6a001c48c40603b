#!/usr/bin/python3
"""Scattering much faster than what is followed: implicit steps against explicit ones.

With phonons alone the end is known: the Fermi function of the bath that holds as many electrons."""

import os
import sys

import numpy as np
from scipy.optimize import brentq

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

A = 5.0  # angstrom
BATH = 900.0  # K
KT = oracle.BOLTZMANN * BATH
T1, T2, MASS = 0.25, 0.20, 0.03  # eV
N_K = 32
FILLING = 0.9


def scenario(coupling, duration, impurity=0.0, field=(), every=None, **propagation):
    phonon = {"kind": "phonon", "temperature": f"{BATH} K"}
    terms = [{**phonon, "energy": "0.16 eV", "coupling": f"{coupling} eV"},
             {**phonon, "energy": "0.06 eV", "coupling": f"{coupling / 2} eV"}]
    if impurity:
        terms.append({"kind": "impurity", "strength": f"{impurity} eV"})
    every = f"{every or duration / 4} fs"
    return {
        "model": {"kind": "ssh", "t1": f"{T1} eV", "t2": f"{T2} eV", "mass": f"{MASS} eV",
                  "lattice_constant": f"{A} angstrom", "positions": ["0 angstrom", "2 angstrom"]},
        "grid": {"k": [N_K]},
        "initial": {"kind": "equilibrium", "temperature": "2500 K", "filling": FILLING},
        "field": list(field),
        "collisions": {"ansatz": "matrix", "broadening": "0.02 eV", "terms": terms},
        "propagation": {"duration": f"{duration} fs", **propagation},
        "output": {"every": every, "snapshots": {"every": every}}}


def run(suite, integrator, rtol, *arguments, **keys):
    return suite.run(
        scenario(*arguments, integrator=integrator, rtol=rtol, atol=rtol / 100, **keys))


def evaluations(result):
    return int(np.ravel(result.attributes["collision_evaluations"])[0])


def chosen(result):
    """The scheme; bdf goes with `unsplit` unless one is given."""
    scheme = result.attributes["scheme"]
    return scheme.decode() if isinstance(scheme, bytes) else str(scheme)


def conserved(suite, name, result):
    number = result.trace("number")
    # 2^-53 times a rate of 3/fs times 5 ps is 1.7e-12 of what a step may move at every k, with a sign
    # that depends on the processor's order of sums.
    suite.equal(f"{name}: number", number, np.full_like(number, number[0]), 1e-11,
                "corrections hold no particles; a few steps of up to 5 ps at a rate of 3/fs")


def equilibrium():
    """Fermi function of the bath for FILLING electrons per cell, [k, orbital, orbital]."""
    h = oracle.ssh(T1, T2, MASS, A)(oracle.flat(oracle.zone_grid([[A]], [N_K])))
    levels = np.linalg.eigvalsh(h)
    mu = brentq(lambda x: np.sum(oracle.fermi(levels, x, KT)) / N_K - FILLING, -20, 20,
                xtol=1e-15, rtol=1e-15)
    return oracle.function_of(h, lambda e: oracle.fermi(e, mu, KT))


def relaxation(suite):
    """The largest out-scattering rate times the duration is 9400."""
    coupling, duration = 0.4, 3000.0
    want = equilibrium()
    results = {}
    for scheme in ("interaction", "unsplit"):
        for rtol in (1e-4, 1e-6):
            results[scheme, rtol] = run(suite, "bdf", rtol, coupling, duration, scheme=scheme)
            name = f"bdf, {scheme}, rtol {rtol:g}"
            suite.equal(f"{name}: f at the end", results[scheme, rtol].snapshot()[-1], want, 1e-6,
                        "exactly stationary; the tolerance of the step is below")
            conserved(suite, name, results[scheme, rtol])
    adams = run(suite, "adams", 1e-6, coupling, duration, scheme="interaction")
    suite.equal("adams: f at the end", adams.snapshot()[-1], want, 1e-6, "the same")
    suite.above("change of f", np.max(np.abs(want - adams.snapshot()[0])), 0.1,
                "otherwise nothing is tested")
    for scheme, ratio in (("interaction", 5), ("unsplit", 12)):
        suite.above(f"evaluations of adams over those of bdf, {scheme}",
                    evaluations(adams) / evaluations(results[scheme, 1e-6]), ratio,
                    "steps of many scattering times; a third of what was measured")


def accuracy(suite):
    """On the way: bdf converges with rtol to what adams gives. Rate times duration is 190."""
    coupling, duration = 0.4, 60.0
    reference = run(suite, "adams", 1e-10, coupling, duration, 0.1, scheme="interaction")
    f = reference.snapshot()
    suite.above("accuracy: change of f", np.max(np.abs(f[-1] - f[0])), 0.1,
                "otherwise nothing is tested")
    for scheme in ("interaction", "unsplit"):
        errors = []
        for rtol in (1e-4, 1e-6, 1e-8):
            result = run(suite, "bdf", rtol, coupling, duration, 0.1, scheme=scheme)
            errors.append(np.max(np.abs(result.snapshot() - f)))
            suite.below(f"accuracy, {scheme}, rtol {rtol:g}: |f_bdf - f_adams|", errors[-1],
                        10 * rtol, "0.1 to 0.02 rtol per step, and errors decay by scattering")
            conserved(suite, f"accuracy, {scheme}, rtol {rtol:g}", result)
        for i in range(2):
            suite.below(f"accuracy, {scheme}: error over that of a rtol 100 times larger",
                        errors[i + 1] / errors[i], 0.1,
                        "0.01 if errors went as rtol, but orders change")


def turning(suite):
    """Coherences that turn some hundred times before they decay: the formulas of order 3 to 5,
    unstable for them, must not hold the step at their period once they are gone."""
    result = run(suite, "bdf", 1e-4, 0.03, 20000.0, 0.01, scheme="unsplit")
    suite.below("turning: evaluations", evaluations(result), 15000,
                "twice what it takes to follow them down; a period per step is above 1e5")
    conserved(suite, "turning", result)


def choice(suite):
    """`auto`: the number of evaluations tells which it was, to the one that it takes to look."""
    for name, arguments, expected in (("stiff", (0.4, 3000.0), "unsplit"),
                                      ("not stiff", (0.06, 100.0), "interaction")):
        automatic = run(suite, "auto", 1e-5, *arguments)
        suite.line(chosen(automatic) == expected,
                   f"choice, {name}: scheme {chosen(automatic)}, want {expected}")
        given = run(suite, "bdf" if expected == "unsplit" else "adams", 1e-5, *arguments)
        suite.equal(f"choice, {name}: evaluations beside those of the integrator meant",
                    evaluations(automatic) - evaluations(given), 1, 0, "one to see the rates")
        suite.equal(f"choice, {name}: f", automatic.snapshot(), given.snapshot(), 0,
                    "the same steps")


def late_pulse(suite):
    """The steps have grown to thousands of femtoseconds when the field sets in."""
    pulse = {"kind": "pulse", "amplitude": "0.05 V/angstrom", "center": "15000 fs", "fwhm": "12 fs",
             "frequency": "0.06 1/fs", "phase": float(np.pi / 2)}
    result = run(suite, "bdf", 1e-6, 0.4, 20000.0, field=[pulse], every=100.0)
    early = {**pulse, "center": "1000 fs"}
    # The other scheme would differ by what 32 points do not resolve during the pulse.
    want = run(suite, "adams", 1e-8, 0.4, 1200.0, field=[early], every=100.0, scheme="unsplit")
    suite.above("late pulse: work done", want.trace("work")[-1], 0.01, "otherwise nothing is seen")
    suite.equal("late pulse: work against that on the same state 14 ps earlier, adams",
                result.trace("work")[-1], want.trace("work")[-1], 1e-7,
                "both start from the Fermi function of the bath; rtol times a work below 0.1 eV")
    suite.equal("late pulse: f just behind it",
                result.snapshot()[result.trace("time") == 15100.0],
                want.snapshot()[want.trace("time") == 1100.0], 1e-6, "rtol")
    conserved(suite, "late pulse", result)
    suite.equal("late pulse: f at the end", result.snapshot()[-1], equilibrium(), 1e-6,
                "the bath has taken the heat away")


if __name__ == "__main__":
    main([relaxation, accuracy, turning, choice, late_pulse])
