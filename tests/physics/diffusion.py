#!/usr/bin/python3
"""Collisions and space together: ballistic to diffusive motion, moments of the Boltzmann equation, runs that are uniform in R.

Impurities with a kernel that does not depend on q scatter out at Gamma(E) = (2 pi/hbar) V^2 g(E), g the density of states, and back
in evenly over the shell, so that velocities are lost at Gamma. Carriers of energy E diffuse with

    D_kin(E) = <v_x^2>_E / Gamma(E),   <x^2>(t) = <x^2>(0) + 2 D_kin [t - (1 - e^{-Gamma t})/Gamma].

Natural units, J = hbar = a = 1."""

import os
import sys

import numpy as np
from scipy.integrate import quad
from scipy.special import ellipk

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import main

CHAIN = {"kind": "chain", "J": 1, "lattice_constant": 1}
SQUARE = {"kind": "square", "J": 1, "lattice_constant": 1}


def impurities(strength, broadening):
    return {"ansatz": "matrix", "broadening": broadening,
            "terms": [{"kind": "impurity", "strength": strength}]}


def run(suite, model, k, r, initial, collisions, duration, step, snapshots, statistics="classical",
        limit=120, **more):
    return suite.run({
        "units": "natural", "statistics": statistics, "model": model,
        "grid": {"k": k, **({"r": r} if r else {})}, "initial": initial, "collisions": collisions,
        "propagation": {"duration": duration, **({"step": step} if step else {}), **more},
        "output": {"every": snapshots, "snapshots": {"every": snapshots}}}, limit=limit)


def moment(result, power):
    """<x^power> at the snapshots."""
    n, x = result.snapshot("density"), result["/grid/r"][:, 0]
    return n @ x**power / n.sum(axis=1)


def chain_diffusion(energy, strength):
    """D_kin and Gamma: g = 1/(pi sqrt(4 - E^2)), v^2 = 4 - E^2."""
    rate = 2 * strength**2 / np.sqrt(4 - energy**2)
    return (4 - energy**2) / rate, rate


def square_diffusion(energy, strength):
    """The same with g = K(sqrt(1 - (E/4)^2))/(2 pi^2), and <v_x^2> g = integral of 4 sin^2 k_x over the k_x of the shell, where
    |v_y| = 2 |sin k_y|; with cos k_x = u its ends are roots that quad takes by a substitution."""
    g = ellipk(1 - (energy / 4)**2) / (2 * np.pi**2)
    low, high = max(-1, -energy / 2 - 1), min(1, -energy / 2 + 1)

    def integrand(angle):
        u = 0.5 * (low + high) + 0.5 * (high - low) * np.sin(angle)
        c = -energy / 2 - u
        jacobian = 0.5 * (high - low) * np.cos(angle)
        return 4 * np.sqrt(1 - u**2) / np.sqrt(1 - c**2) * jacobian

    v2 = 4 * quad(integrand, -np.pi / 2, np.pi / 2, epsabs=1e-10)[0] / 2 / (2 * np.pi)**2 / g
    rate = 2 * np.pi * strength**2 * g
    return v2 / rate, rate


def broadened(energy, velocity, strength, sigma):
    """The matrix of the linear Boltzmann equation on the grid."""
    x = energy[:, None] - energy
    gain = (2 * np.pi * strength**2 / len(energy)
            * np.exp(-x**2 / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma))
    return gain - np.diag(gain.sum(axis=0))


def moments(matrix, velocity, start, width, times):
    """<x^2> by the moments of the Boltzmann equation, n' = M n, X' = v n + M X, S' = 2 v X + M S: the method of Runge and Kutta of
    order 4."""
    state = np.array([start, 0 * start, width**2 * start])

    def rate(s):
        return np.array([matrix @ s[0], velocity * s[0] + matrix @ s[1],
                         2 * velocity * s[1] + matrix @ s[2]])

    out = [state[2].sum()]
    for begin, end in zip(times[:-1], times[1:]):
        h = (end - begin) / 20
        for _ in range(20):
            a = rate(state)
            b = rate(state + h / 2 * a)
            c = rate(state + h / 2 * b)
            state = state + h / 6 * (a + 2 * b + 2 * c + rate(state + h * c))
        out.append(state[2].sum())
    return np.array(out)


def slope(result):
    x2, t = moment(result, 2), result["/snapshots/time"]
    return (x2[-1] - x2[-2]) / (t[-1] - t[-2])


def chain(suite):
    strength, sigma, spread, width = 0.1**0.5, 0.03, 0.08, 12
    want, rate = chain_diffusion(0, strength)
    result = run(suite, CHAIN, [512], {"points": [128], "length": [512]},
                 {"kind": "shell", "energy": 0, "spread": spread, "width": width},
                 impurities(strength, sigma), 8 / rate, 0.25, 1 / rate)
    suite.equal("chain: number", result.trace("number"), 1, 1e-12, "rounding")
    suite.equal("chain: slope over 2 D_kin", slope(result) / (2 * want), 1, 0.01,
                "the energy spreads by sigma at every collision: -3/8 (spread^2 + n sigma^2) = -0.5 %; e^-7 of ballistic motion")
    k = 2 * np.pi * np.arange(512) / 512
    energy, velocity = -2 * np.cos(k), 2 * np.sin(k)
    start = np.exp(-energy**2 / (2 * spread**2))
    exact = moments(broadened(energy, velocity, strength, sigma), velocity, start / start.sum(),
                    width, result["/snapshots/time"])
    suite.equal("chain: <x^2>(t) over the moments of the Boltzmann equation",
                moment(result, 2)[1:] / exact[1:], 1, 2e-4,
                "splitting of order 2: (Gamma h)^2/4 for steps of 1/40 of the scattering time")
    early = moment(result, 2)[1] - moment(result, 2)[0]
    suite.equal("chain: <x^2> at one scattering time over the closed form",
                early / (2 * want / rate * np.exp(-1)), 1, 0.01, "as the slope")


def square(suite):
    strength, energy = 0.4**0.5, -2
    want, rate = square_diffusion(energy, strength)
    result = run(suite, SQUARE, [80, 80], {"points": [28], "length": [144]},
                 {"kind": "shell", "energy": energy, "spread": 0.1, "width": 8},
                 impurities(strength, 0.06), 5 / rate, 0.15 / rate, 1 / rate)
    left = np.exp(-4) - np.exp(-5)  # of the ballistic motion in the last scattering time
    suite.equal("square: slope over that of the closed form", slope(result) / (2 * want * (1 - left)), 1, 0.01,
                "the energy spreads by sigma at every collision, and 90 levels lie within sigma of one: -0.6 %")


def momentum(suite):
    """Every velocity decays by itself: the current is sum_k v_k f_k(0) e^{-Gamma_k t}, Gamma by the sum over the grid."""
    strength, sigma, n = 0.5, 0.2, 128
    k = 2 * np.pi * np.arange(n) / n
    energy, velocity = -2 * np.cos(k), 2 * np.sin(k)
    gamma = -np.diag(broadened(energy, velocity, strength, sigma)) + 2 * np.pi * strength**2 / n / (
        np.sqrt(2 * np.pi) * sigma)
    for statistics in ("classical", "fermion"):
        result = run(suite, CHAIN, [n], {"points": [64], "length": [160]},
                     {"kind": "gaussian", "momentum": [1.2], "width": 6, "number": 0.3},
                     impurities(strength, sigma), 8, 0.02, 2, statistics=statistics)
        f = result.snapshot("population_k")[0, :, :, 0].sum(axis=0)
        weight = 0.3 * f / f.sum()
        want = [-(weight * velocity * np.exp(-gamma * t)).sum() for t in result.trace("time")]
        suite.equal(f"momentum, {statistics}: current", result.trace("current")[:, 0], want, 1e-12,
                    "closed form; splitting does not touch it, since the free flow keeps n(k) and the flow of C is exact")


def uniform(suite):
    """A state that is the same at every R follows the run without R; the splitting errs by the square of the step."""
    model = {"kind": "ssh", "t1": 1, "t2": 0.7, "mass": 0.2, "lattice_constant": 1}
    initial = {"kind": "excited", "temperature": 0.1, "filling": 1, "energy": 0.9, "width": 0.3, "amplitude": 0.5}
    field = [{"kind": "pulse", "amplitude": 0.5, "center": 2, "fwhm": 1.5, "direction": [1]}]
    for name, terms in (("phonons", [{"kind": "phonon", "energy": 0.5, "coupling": 0.3, "temperature": 0.3}]),
                        ("impurities", [{"kind": "impurity", "strength": 0.3}])):
        scenario = {"units": "natural", "model": model, "grid": {"k": [96]}, "initial": initial, "field": field,
                    "collisions": {"ansatz": "matrix", "broadening": 0.15, "terms": terms},
                    "propagation": {"duration": 4, "rtol": 1e-10, "atol": 1e-12},
                    "output": {"every": 4, "snapshots": {"every": 4}}}
        want = suite.run(scenario).snapshot()[-1]
        scenario["grid"] = {"k": [96], "r": {"points": [4], "length": [8]}}
        errors = []
        for step in (0.08, 0.04, 0.02):
            scenario["propagation"] = {"duration": 4, "step": step}
            got = suite.run(scenario).snapshot()[-1]
            suite.equal(f"uniform, {name}: every R alike", got, got[:1], 1e-13, "rounding of FFTs over R")
            errors.append(np.abs(got[0] - want).max())
        suite.below(f"uniform, {name}: error at a step of 0.02", errors[-1], 1e-5, "order 2 with Gamma h = 1/100 and phases of 1/30 per step")
        for i in range(2):
            suite.equal(f"uniform, {name}: order of the splitting", np.log2(errors[i] / errors[i + 1]), 2, 0.1,
                        "order 2 as stated; the next terms of the error are below 6 % here")


if __name__ == "__main__":
    main([chain, square, momentum, uniform])
