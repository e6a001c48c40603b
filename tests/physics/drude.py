#!/usr/bin/python3
"""Drude conductivity of a parabolic band with impurities: `keldrift steady`, a long run and closed
forms, with delta impurities and with impurities of finite range.

The numbers are those of scenarios/drude. In two dimensions the density of states does not depend
on the energy, and neither does the rate of delta impurities, 1/tau = n_i u^2 m/hbar^3: the
conductivity is n e^2 tau/m at any temperature. What the broadened delta function changes is also
known in closed form.
"""

import json
import os
import sys

import numpy as np
from scipy.special import ive, ndtr

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import Result, RunFailed, main
from oracle import BOLTZMANN, HBAR, HBAR2_2M

H2_2M = HBAR2_2M / 0.067  # hbar^2/2m
KT = BOLTZMANN * 150
DENSITY, STRENGTH, K_MAX, SPIN, FIELD = 1.5e-4, 8e-3, 0.09, 2, 1e-8
CELL = (np.pi / K_MAX)**2
RHO = 1 / (4 * np.pi * H2_2M)  # density of states per area and spin, m/(2 pi hbar^2)
MU = KT * np.log(np.expm1(DENSITY / (SPIN * RHO) / KT))
RATE = 2 * np.pi / HBAR * STRENGTH**2 * CELL * RHO  # of delta impurities
# n e^2 tau/m per cell, in e^2 angstrom^2/(eV fs)
DRUDE = DENSITY * CELL / RATE * 2 * H2_2M / HBAR**2


def scenario(n, width, q0=None):
    """scenarios/drude with n x n points and a broadening in meV."""
    form = {"kind": "gaussian", "q0": f"{q0} 1/angstrom"} if q0 else {"kind": "constant"}
    return {"model": {"kind": "parabolic", "mass": 0.067, "k_max": f"{K_MAX} 1/angstrom",
                      "spin_degeneracy": SPIN},
            "grid": {"k": [n, n]},
            "initial": {"kind": "equilibrium", "temperature": "150 K", "density": "1.5e12 cm^-2"},
            "field": [{"kind": "constant", "amplitude": "1 V/cm"}],
            "collisions": {"ansatz": "matrix", "broadening": f"{width} meV",
                           "reference": "equilibrium",
                           "terms": [{"kind": "impurity", "strength": f"{STRENGTH} eV",
                                      "vertex": "scalar", "form": form}]},
            "propagation": {"duration": "15 ps", "rtol": 1e-8, "atol": 1e-12},
            "output": {"every": "0.5 ps"}}


def steady(suite, n, width, q0=None):
    suite.runs += 1
    stem = f"steady{suite.runs:03d}"
    suite.write(stem + ".yaml", json.dumps(scenario(n, width, q0)))
    done = suite.execute(["steady", stem + ".yaml", "-o", stem + ".h5", "--quiet", "--threads",
                          "1"])
    if done.returncode != 0:
        raise RunFailed(f"exit status {done.returncode} (expected 0): {done.stderr.strip()}")
    return Result(suite.path(stem + ".h5"))["/steady/conductivity"]


def gauss(end, points):
    node, weight = np.polynomial.legendre.leggauss(points)
    return (node + 1) / 2 * end, weight / 2 * end


def fermi_slope(energy):
    return -0.25 / KT / np.cosh((energy - MU) / (2 * KT))**2


def transport(energy, weight, tau):
    """(g_s e^2/m) int dE rho E (-f') tau per cell."""
    return np.sum(weight * -fermi_slope(energy) * energy * tau, axis=-1) * (
        SPIN * RHO * CELL * 2 * H2_2M / HBAR**2)


def broadened_rate(energy, width):
    """Of delta impurities: the Gaussian hangs over the bottom of the band. The upper end of the box
    is 30 kT away. What scatters in has no direction, so that this is the transport rate."""
    return RATE * ndtr(energy / width)


def broadened_shell(width, q0):
    """Gaussian impurities at finite broadening: for delta f = cos(phi) g(k), the angular integrals
    are Bessel functions and the linearized equation is an integral equation in |k| alone."""
    k, weight = gauss(K_MAX, 500)
    energy = H2_2M * k**2
    line = np.exp(-0.5 * np.subtract.outer(energy, energy)**2 / width**2) / (
        np.sqrt(2 * np.pi) * width)
    form = np.exp(-np.subtract.outer(k, k)**2 / (2 * q0**2))
    kernel = STRENGTH**2 * CELL / HBAR * line * form * (k * weight)
    turn = np.outer(k, k) / q0**2
    velocity = 2 * H2_2M * k / HBAR
    out = np.sum(kernel * ive(0, turn), axis=1)
    g = np.linalg.solve(np.diag(out) - kernel * ive(1, turn), velocity * -fermi_slope(energy))
    return SPIN * CELL * np.sum(weight * k / (2 * np.pi) * velocity / 2 * g)


def extrapolated(widths, values):
    """a of a + b width^2 + c width^4 through three points."""
    return np.linalg.solve(np.vander(np.array(widths)**2, 3, increasing=True), values)[0]


def delta(suite):
    widths = (5, 6.5, 8)
    values = []
    for width, accuracy in zip(widths, (1e-6, 1e-8, 1e-8)):
        got = steady(suite, 128, width)
        energy, weight = gauss(MU + 40 * KT, 1000)
        want = transport(energy, weight, 1 / broadened_rate(energy, 1e-3 * width))
        suite.equal(f"delta, {width} meV, at this broadening", got, want * np.eye(2),
                    accuracy * want, "the sum over the grid is the integral up to exp(-2 pi^2 "
                    "(broadening/spacing)^2), spacing 5 to 6.5 meV")
        suite.equal(f"delta, {width} meV, n e^2 tau/m", got[0, 0], DRUDE, 15e6 * (1e-3 * width)**2
                    * 1e-6 * DRUDE, "the stated error of the broadening, 15e-6/meV^2")
        values.append(got[0, 0])
    suite.equal("delta, extrapolated", extrapolated(widths, values), DRUDE, 3e-5 * DRUDE,
                "1/20 of the largest broadening error; the term of third order that is left out")
    # The order: below E = width the rate is RATE Phi(E/width), which misses
    # width^2 int x (1/Phi - 1) dx of the energy, weighted with -f'(0).
    x, weight = gauss(12, 400)
    leading = np.sum(weight * x * (1 / ndtr(x) - 1)) * -fermi_slope(0) / (DENSITY / (SPIN * RHO))
    s = 1e-3 * np.array(widths)
    fit = np.linalg.solve(np.array([s**2, s**3, s**4]).T, np.array(values) / DRUDE - 1)
    suite.equal("delta, second order in the broadening", fit[0], leading, 0.1 * leading,
                "coefficient of width^2, fitted with those of width^3 and width^4")


def delta_run(suite):
    """A run against steady and, at every frame, against J(t) to first order in the field."""
    n, width = 96, 8
    result = suite.run(scenario(n, width))
    want = steady(suite, n, width)[0, 0]
    current = result.trace("current")[:, 0] / FIELD
    suite.equal("delta, run", current[-1], want, 1e-6 * want,
                "exp(-15.6) = 1.7e-7 are missing; heating and tolerance below")
    time = result.trace("time")
    energy, weight = gauss(MU + 40 * KT, 1000)
    rate = broadened_rate(energy, 1e-3 * width)
    growth = transport(energy, weight, -np.expm1(-np.outer(time, rate)) / rate)
    suite.equal("delta, current at every time", current, growth, 5e-6 * want,
                "rtol 1e-8 over the 0.1 % of f that carry the current")
    suite.equal("delta, current across", result.trace("current")[:, 1] / FIELD, 0, 1e-9 * want,
                "reflection")
    number = result.trace("number")
    gained = (result.trace("energy")[-1] - result.trace("energy")[0]) / number[0]
    work = result.trace("work")[-1] / number[0]
    # Impurities keep the energy of an electron; what the field does stays in the gas.
    suite.equal("heating", gained, work, 0.05 * work, "energy that the broadened delta function "
                "exchanges with nothing: (broadening/E_F)^2 = 0.02")
    suite.below("heating over kT", gained / KT, 1e-4, "second order in the field")


def gaussian(suite):
    """Finite range: turning the momentum takes longer than losing it, tau_tr = 1.9 tau at E_F."""
    q0, widths = 0.04, (9, 11, 13)
    energy, weight = gauss(MU + 40 * KT, 400)
    turn = energy / H2_2M / q0**2
    # <exp(-z (1 - cos)) (1 - cos)> = e^-z (I_0 - I_1)
    want = transport(energy, weight, 1 / (RATE * (ive(0, turn) - ive(1, turn))))
    values = []
    for width in widths:
        got = steady(suite, 64, width, q0)[0, 0]
        ring = broadened_shell(1e-3 * width, q0)
        suite.equal(f"gaussian, {width} meV, at this broadening", got, ring, 2e-5 * ring,
                    "the sum over the grid is the integral up to exp(-2 pi^2 (broadening/"
                    "spacing)^2), spacing 10 meV at E_F")
        suite.equal(f"gaussian, {width} meV, closed form", got, want, 1e-4 * width**2 * want,
                    "the stated error of the broadening, 1e-4/meV^2")
        values.append(got)
    suite.equal("gaussian, extrapolated", extrapolated(widths, values), want, 2.5e-4 * want,
                "the sixth order left out, 1.2e-4, and the grid, 1e-5 times 5 by extrapolation")
    # Energetic electrons turn ten times more slowly, and the gas must not heat meanwhile: with 1
    # V/cm it does so by 2e-4 of the conductivity.
    weak = scenario(64, widths[1], q0)
    weak["field"][0]["amplitude"] = "0.1 V/cm"
    weak["propagation"] = {"duration": "84 ps", "rtol": 1e-8, "atol": 1e-13}
    weak["output"] = {"every": "84 ps"}
    suite.equal("gaussian, run", suite.run(weak).trace("current")[-1, 0] / (0.1 * FIELD), values[1],
                2e-5 * values[1], "38 transport times at E_F; 7e-6 of the current are missing")


if __name__ == "__main__":
    main([delta, delta_run, gaussian])
