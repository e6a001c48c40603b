#!/usr/bin/python3
"""Positivity: which forms of the operator keep 0 <= f <= 1 in a strong pulse, and what that costs.

A chain whose two bands sit on their own orbitals, and phonons that act on the upper orbital only.
What is scattered was in the upper band, so a superposition of the two bands must lose its coherence
along with its electron: otherwise f gets a negative eigenvalue."""

import os
import sys

import numpy as np
from scipy.optimize import brentq

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

A = 5.0  # angstrom
N_K = 96
FILLING = 1.0


def scenario(ansatz, rtol, n_k=N_K, temperature=77.0, energy=0.12, coupling=0.05, broadening=0.015,
             duration=60.0, t1=0.3, t2=0.2, mass=0.5, filling=FILLING, field=True):
    pulse = {"kind": "pulse", "amplitude": "0.15 V/angstrom", "center": "15 fs", "fwhm": "6 fs",
             "frequency": "0.29 1/fs", "phase": float(np.pi / 2)}
    return {
        "model": {"kind": "ssh", "t1": f"{t1} eV", "t2": f"{t2} eV", "mass": f"{mass} eV",
                  "lattice_constant": f"{A} angstrom", "positions": ["0 angstrom", "2 angstrom"]},
        "grid": {"k": [n_k]},
        "initial": {"kind": "equilibrium", "temperature": f"{temperature} K", "filling": filling},
        "field": [pulse] if field else [],
        "collisions": {"ansatz": ansatz, "broadening": f"{broadening} eV", "terms": [
            {"kind": "phonon", "energy": f"{energy} eV", "coupling": f"{coupling} eV",
             "temperature": f"{temperature} K", "vertex": "matrix", "re": [[1, 0], [0, 0]]}]},
        "propagation": {"duration": f"{duration} fs", "rtol": rtol, "atol": rtol / 100},
        "output": {"every": f"{0.5 if field else duration} fs"}}


def below_bounds(result):
    """How far the smallest eigenvalue of f or of 1 - f is below 0."""
    return -min(np.min(result.trace("min_f")), np.min(result.trace("min_1mf")))


def conserved(suite, name, result):
    number = result.trace("number")
    suite.equal(f"{name}: number", number, np.full_like(number, FILLING), 1e-12,
                "every scattering out is a scattering in; rounding over the steps")


def kept_and_not_kept(suite):
    """The same pulse at three tolerances."""
    found = {"lindblad": [], "matrix": [], "causal": []}
    for ansatz, values in found.items():
        for rtol in (1e-4, 1e-6, 1e-8):
            result = suite.run(scenario(ansatz, rtol))
            values.append(below_bounds(result))
            conserved(suite, f"{ansatz}, rtol {rtol:g}", result)
            if ansatz == "lindblad":
                suite.below(f"lindblad, rtol {rtol:g}: eigenvalue below 0 by", values[-1],
                            10 * (rtol + rtol / 100), "10 (rtol + atol), the acceptance bound")
            else:
                suite.above(f"{ansatz}, rtol {rtol:g}: eigenvalue below 0 by", values[-1], 1e-3,
                            "the operator's own, far above the error of integration")
    population = result.trace("population")[:, 1]
    suite.above("a strong pulse: population of the upper band", np.max(population), 0.1,
                "otherwise there is nothing to scatter")
    for ansatz in ("matrix", "causal"):
        suite.equal(f"{ansatz}: the same at rtol 1e-4 and 1e-8", found[ansatz][0], found[ansatz][2],
                    1e-2 * found[ansatz][2], "a property of the equation, not of its integration")


def integration(suite):
    """Where levels empty exponentially, the steps overshoot 0: by less for a lower tolerance."""
    violation = {}
    for rtol in (1e-3, 1e-4, 1e-6, 1e-8):
        result = suite.run(scenario("lindblad", rtol, temperature=40.0, energy=0.08, coupling=0.12))
        violation[rtol] = below_bounds(result)
        suite.below(f"empty levels, rtol {rtol:g}: eigenvalue below 0 by", violation[rtol],
                    10 * (rtol + rtol / 100), "10 (rtol + atol)")
    suite.above("empty levels, rtol 0.001: eigenvalue below 0 by", violation[1e-3], 1e-7,
                "otherwise nothing is left to vanish")
    suite.below("empty levels: what rtol 1e-8 leaves of it", violation[1e-8] / violation[1e-3],
                1e-3, "vanishes with the tolerance")


def grid(suite):
    """In a field the operator acts on f interpolated to the grid of the model, and interpolation
    keeps the bounds only where the grid resolves f: a floor that falls with the points."""
    floor = [below_bounds(suite.run(scenario("lindblad", 1e-8, n_k=n, duration=20.0)))
             for n in (48, 64, 96)]
    suite.above("48 points: eigenvalue below 0 by", floor[0], 1e-9, "interpolation of a coarse grid")
    suite.below("64 points: the same over that of 48", floor[1] / floor[0], 0.1,
                "falls with the points")
    suite.below("96 points: the same", floor[2], 1e-14, "rounding")


def fermi(levels, filling, kt):
    mu = brentq(lambda x: np.sum(oracle.fermi(levels, x, kt)) / len(levels) - filling, -5, 5,
                xtol=1e-15, rtol=1e-15)
    return oracle.fermi(levels, mu, kt)


def lindblad_rate(levels, s, f, kt, energy, coupling, sigma):
    """The operator of Ansatz lindblad at occupations f [k, n] without coherences, in the eigenbasis:
    one amplitude M_nm sqrt(K(e_n - e_m)) per pair of levels, M the projector on orbital 0."""
    x = levels[:, :, None, None] - levels[None, None]
    # K^< = 2 pi g^2 [d(x - w) - d(x + w)]/(e^{x/kT} - 1) with Gaussians for d
    lines = (np.exp(-0.5 * ((x - energy) / sigma)**2) - np.exp(-0.5 * ((x + energy) / sigma)**2)) / (
        np.sqrt(2 * np.pi) * sigma)
    near = np.abs(x) < 1e-12
    limit = 2 * energy * kt / sigma**2 * np.exp(-0.5 * (energy / sigma)**2) / (
        np.sqrt(2 * np.pi) * sigma)
    kernel = 2 * np.pi * coupling**2 * np.where(near, limit, lines / np.where(
        near, 1, np.expm1(x / kt)))
    element = np.conj(s[:, 0, :])[:, :, None, None] * s[:, 0, :][None, None]
    amplitude = element * np.sqrt(kernel)  # [k, n, k', m]: from (k', m) to (k, n)
    n_k = len(levels)
    into = np.einsum("knqm,qm,kpqm->knp", amplitude, f, np.conj(amplitude)) / (oracle.HBAR * n_k)
    out = np.einsum("qmkn,qm,qmkp->knp", np.conj(amplitude), 1 - f, amplitude) / (
        oracle.HBAR * n_k)
    sum_f = f[:, :, None] + f[:, None, :]
    return into * (1 - sum_f / 2) - out * sum_f / 2


def detailed_balance(suite):
    """The price: coherences between levels of different energy drive the Fermi function away."""
    keys = {"temperature": 600.0, "t1": 0.25, "t2": 0.2, "mass": 0.03, "filling": 0.8,
            "broadening": 0.03, "n_k": 32, "field": False}
    kt = oracle.BOLTZMANN * keys["temperature"]
    h = oracle.ssh(keys["t1"], keys["t2"], keys["mass"], A)(
        oracle.flat(oracle.zone_grid([[A]], [keys["n_k"]])))
    levels, s = np.linalg.eigh(h)
    occupation = fermi(levels, keys["filling"], kt)
    want = (s * occupation[:, None, :]) @ oracle.dagger(s)
    change = {}
    for ansatz in ("matrix", "lindblad"):
        result = suite.run(scenario(ansatz, 1e-8, duration=400.0, **keys))
        change[ansatz] = result.snapshot()[-1] - want
    suite.below("matrix: change of the Fermi function", np.max(np.abs(change["matrix"])), 1e-9,
                "stationary to rounding of the initial chemical potential")
    suite.above("lindblad: change of the Fermi function", np.max(np.abs(change["lindblad"])), 1e-5,
                "balances only pairs of levels of one energy")
    suite.below("lindblad: the same", np.max(np.abs(change["lindblad"])), 1e-2,
                "second order in the energies that it mixes")
    # Early on, the coherence is the integral of a constant rate and the rotation.
    step = 0.05
    early = scenario("lindblad", 1e-12, duration=6 * step, **keys)
    early["output"] = {"every": f"{step} fs", "snapshots": {"every": f"{step} fs"}}
    early["propagation"]["atol"] = 1e-16
    result = suite.run(early)
    f, t = oracle.dagger(s) @ result.snapshot() @ s, result["/snapshots/time"]
    phase = np.exp(1j * (levels[:, :, None] - levels[:, None, :]) * t[:, None, None, None]
                   / oracle.HBAR)
    slope = np.tensordot(np.array([-147, 360, -450, 400, -225, 72, -10]) / (60 * step), phase * f,
                         axes=1)
    rate = lindblad_rate(levels, s, occupation, kt, 0.12, 0.05, keys["broadening"])
    suite.equal("lindblad: rate at the Fermi function over its largest",
                slope / np.max(np.abs(rate)), rate / np.max(np.abs(rate)), 1e-5,
                "double sum in numpy; difference formula, and rounding of f over the step")
    suite.below("lindblad: the same for the populations",
                np.max(np.abs(np.einsum("knn->kn", rate))) / np.max(np.abs(rate)), 1e-10,
                "the diagonal of the rate is the Boltzmann equation, which balances")


def in_space(suite):
    """min_f and min_1mf over all R; what is said of them with collisions, which take f(R,k) for an
    occupation, and without, where it may be any Wigner function."""
    def run(initial, statistics, collisions=True, model=None, **top):
        return suite.run({
            "units": "natural", "statistics": statistics, "initial": initial,
            "model": model or {"kind": "chain", "J": 1.0, "lattice_constant": 1.0},
            "grid": {"k": [24], "r": {"points": [24], "length": [24.0]}},
            "collisions": {"ansatz": "matrix", "broadening": 0.3, "terms": [
                {"kind": "phonon", "energy": 0.5, "coupling": 0.15, "temperature": 0.5}]}
            if collisions else {},
            "propagation": {"duration": 2.0, "rtol": 1e-5, "atol": 1e-7},
            "output": {"every": 0.5, "snapshots": {"every": 0.5}}, **top})

    def told(result):
        return [text for text in result.warnings() if "eigenvalue" in text]

    smooth = {"kind": "local_equilibrium", "temperature": 0.5, "chemical_potential": 0.0,
              "chemical_potential_profile": f"0.3*sin({np.pi / 12!r}*x)"}
    packet = {"kind": "gaussian", "band": 0, "momentum": [1.0], "position": [0.0], "width": 2.5}
    cat = dict(packet, kind="cat", separation=[6.0], width=1.2)
    ssh = {"kind": "ssh", "t1": 1.0, "t2": 0.6, "mass": 0.2, "lattice_constant": 1.0}
    for name, result in (("chain", run(smooth, "fermion")),
                         ("ssh", run(smooth, "fermion", model=ssh))):
        level = np.linalg.eigvalsh(result.snapshot("f"))
        suite.equal(f"in space, {name}: min_f", result.trace("min_f"), level.min(axis=(1, 2, 3)),
                    1e-13, "eigenvalues of the snapshots, which are the same frames")
        suite.equal(f"in space, {name}: min_1mf", result.trace("min_1mf"),
                    1 - level.max(axis=(1, 2, 3)), 1e-13, "the same")
        suite.below(f"in space, {name}: eigenvalue below 0 by", below_bounds(result), 0,
                    "smooth, so that it is an occupation")
        suite.equal(f"in space, {name}: warnings", len(told(result)), 0, 0, "it stays in bounds")
    suite.equal("in space, packet without collisions: warnings",
                len(told(run(packet, "fermion", collisions=False))), 0, 0,
                "interface: a pure state may be outside")
    suite.equal("in space, classical cat with collisions: warnings",
                len(told(run(cat, "classical"))), 0, 0, "collisions are linear in f")
    texts = told(run(cat, "fermion"))
    for part in ("at the start, but collisions take f for an occupation",
                 "at the start, but collisions take 1 - f for the part"):
        suite.equal(f"in space, cat of fermions with collisions: '{part}'",
                    sum(part in text for text in texts), 1, 0, "f is from -2 to 2")
    suite.equal("in space, cat of fermions with collisions: warnings", len(texts), 2, 0,
                "nothing else")
    # A smooth state that a deep and narrow well makes a Wigner function of.
    texts = told(run(dict(smooth, chemical_potential=-1.0), "fermion", potential=[
        {"kind": "gaussian", "height": 6.0, "width": 0.6}]))
    suite.equal("in space, scattered by a narrow barrier: warnings of interference",
                min(1, sum("drift: moyal, to interference" in text for text in texts)), 1, 0,
                "U changes within a lattice constant")


if __name__ == "__main__":
    main([kept_and_not_kept, integration, grid, detailed_balance, in_space])
