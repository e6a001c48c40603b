#!/usr/bin/python3
"""Bosons and classical particles among phonons and impurities, and under relaxation-time forms.

Scattering goes with 1 + theta f, theta = 1 and 0 (Spohn, eq. 4.5): the thermal function 1/(e^x - theta)
of the temperature of the bath, with the chemical potential of the number of particles, is where phonons
lead, that of the number and the energy where impurities do."""

import os
import sys

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, root

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import RunFailed, main

N, HOPPING, KT, SIGMA, OMEGA, COUPLING = 16, 1.0, 1.2, 0.25, 1.0, 0.25
K = 2 * np.pi * np.arange(N) / N
E = -2 * HOPPING * np.cos(K)
START = {"kind": "excited", "temperature": 0.8, "chemical_potential": -2.6, "energy": 0.5, "width": 0.6,
         "amplitude": 0.7}
THETA = {"boson": 1, "classical": 0}


def scenario(statistics, collisions, duration, initial=None):
    return {"units": "natural", "statistics": statistics, "model": {"kind": "chain", "J": HOPPING},
            "grid": {"k": [N]}, "initial": initial or START, "collisions": collisions,
            "propagation": {"duration": duration, "rtol": 1e-9, "atol": 1e-11},
            "output": {"every": duration / 10, "snapshots": {"every": duration / 10}}}


def thermal(theta, mu, kt=KT):
    return 1 / (np.exp((E - mu) / kt) - theta)


def with_number(theta, number):
    mu = brentq(lambda x: thermal(theta, E.min() - np.exp(x)).mean() - number, -12, 6, xtol=1e-14)
    return thermal(theta, E.min() - np.exp(mu))


def phonon_rate(theta):
    """C[f] as a double sum; kernels `spectral`, whose limit at x = 0 no two levels need exactly."""
    x = E[:, None] - E[None, :]
    x = np.where(np.abs(x) < 1e-9, 1e-9, x)
    gauss = lambda y: np.exp(-0.5 * (y / SIGMA)**2) / (np.sqrt(2 * np.pi) * SIGMA)
    into = 2 * np.pi * COUPLING**2 * (gauss(x - OMEGA) - gauss(x + OMEGA)) / np.expm1(x / KT) / N

    def rate(f):
        h = 1 + theta * f
        return h * (into @ f) - f * (into.T @ h)

    return rate


def phonons(suite):
    bath = {"ansatz": "matrix", "broadening": SIGMA, "terms": [
        {"kind": "phonon", "energy": OMEGA, "coupling": COUPLING, "temperature": KT}]}
    for statistics, theta in THETA.items():
        result = suite.run(scenario(statistics, bath, 400.0))
        f = result.snapshot().reshape(11, -1).real
        suite.equal(f"{statistics}, phonons: number", result.trace("number"),
                    np.full(11, result.trace("number")[0]), 1e-12, "in is out; rounding over the steps")
        suite.equal(f"{statistics}, phonons: f at the end", f[-1],
                    with_number(theta, result.trace("number")[0]), 1e-6,
                    "thermal function of the bath and the number; e^-rt and the tolerance")
        rate = phonon_rate(theta)
        want = solve_ivp(lambda t, y: rate(y), (0, 40), f[0], rtol=1e-11, atol=1e-13,
                         method="DOP853").y[:, -1]
        suite.equal(f"{statistics}, phonons: f at t = 40", f[1], want, 1e-7,
                    "double sum in numpy, with |x| >= 1e-9; rtol")
        suite.above("    change of f", np.max(np.abs(f[1] - f[0])), 0.05, "otherwise nothing is tested")
        suite.line(not any("fermion" in w for w in result.warnings()),
                   f"{statistics}: no warning of more than one fermion in a state")
        still = suite.run(scenario(statistics, bath, 10.0, {
            "kind": "equilibrium", "temperature": KT, "chemical_potential": -2.3}))
        suite.equal(f"{statistics}, phonons: thermal function after t = 10", still.snapshot()[-1],
                    still.snapshot()[0], 1e-13, "detailed balance is exact")


def impurities(suite):
    bath = {"ansatz": "matrix", "broadening": SIGMA, "terms": [
        {"kind": "impurity", "strength": 0.5, "energy_conserving": True}]}
    for statistics, theta in THETA.items():
        result = suite.run(scenario(statistics, bath, 6000.0))
        f = result.snapshot().reshape(11, -1).real

        def excess(x):
            g = thermal(theta, E.min() - np.exp(x[0]), np.exp(x[1]))
            return g, [g.mean() - f[0].mean(), (E * g).mean() - (E * f[0]).mean()]

        want = excess(root(lambda x: excess(x)[1], [0.0, 0.3], tol=1e-14).x)[0]
        suite.equal(f"{statistics}, impurities: energy over its value", result.trace("energy")
                    / result.trace("energy")[0], np.ones(11), 1e-10,
                        "kept in every correction of bdf; rounding of its differences of rates")
        suite.above(f"{statistics}, impurities: least change of the entropy",
                    np.min(np.diff(result.trace("entropy"))), -1e-9, "never falls; the tolerance of bdf")
        suite.equal(f"{statistics}, impurities: f at the end", f[-1], want, 1e-6,
                    "thermal function of its number and energy")


def relaxation_times(suite):
    for statistics, theta in THETA.items():
        for section, want in (
                ({"ansatz": "bgk", "tau": 3.0, "temperature": KT}, None),
                ({"ansatz": "t1_t2", "t1": 3.0, "t2": 1.0, "temperature": KT,
                  "chemical_potential": -2.4}, thermal(theta, -2.4))):
            result = suite.run(scenario(statistics, section, 90.0))
            target = with_number(theta, result.trace("number")[0]) if want is None else want
            f = result.snapshot().reshape(11, -1).real
            suite.equal(f"{statistics}, {section['ansatz']}: f at t = 9", f[1],
                        target + (f[0] - target) * np.exp(-3), 1e-7, "f_eq + (f_0 - f_eq) e^{-t/tau}")


def no_equilibrium(suite):
    """Bosons at or above the bottom of the band are refused wherever a chemical potential is given."""
    line = {"kind": "equilibrium", "temperature": KT, "chemical_potential": -2.3}
    for collisions, initial, words in (
            ({"ansatz": "none"}, {**line, "chemical_potential": -2.0}, "initial.chemical_potential: -2 eV"),
            ({"ansatz": "t1_t2", "t1": 1, "t2": 1, "temperature": 1, "chemical_potential": -1}, line,
             "collisions.chemical_potential: -1 eV"),
            ({"ansatz": "none"}, {"kind": "equilibrium", "temperature": 0, "filling": 1},
             "a filling at zero temperature needs fermions")):
        try:
            suite.run(scenario("boson", collisions, 1.0, initial))
            suite.line(False, f"{words}: the run should have failed")
        except RunFailed as problem:
            suite.line(words in str(problem) and "status 2" in str(problem), f"refused: {words}")


if __name__ == "__main__":
    main([phonons, impurities, relaxation_times, no_equilibrium])
