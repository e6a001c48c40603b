#!/usr/bin/python3
"""Impurities with `energy_conserving: true`: what a broadened elastic kernel must and must not do.

K^<(x) = 2 pi V^2 G(x + s) and K^>(x) = K^<(-x) = e^{beta x} K^<(x), G a Gaussian of width sigma and
s = beta sigma^2/2, with the beta of the moment that keeps the energy of the carriers. Nothing but
their number and energy is conserved then, so that they end in the Fermi function that has both."""

import json
import os
import sys

import numpy as np
from scipy.optimize import brentq, root

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import Result, RunFailed, main

A = 5.0  # angstrom
N_K = 32
# eV; the gap, 0.117 eV, is near the broadening, which connects the bands.
T1, T2, MASS = 0.25, 0.20, 0.03
SIGMA, STRENGTH = 0.1, 0.2  # eV
MODEL = {"kind": "ssh", "t1": f"{T1} eV", "t2": f"{T2} eV", "mass": f"{MASS} eV",
         "lattice_constant": f"{A} angstrom", "positions": ["0 angstrom", "2 angstrom"]}
# Of zero impulse by symmetry, so that the frame returns to the grid of the model.
PULSE = {"kind": "pulse", "amplitude": "0.03 V/angstrom", "center": "50 fs", "fwhm": "12 fs",
         "frequency": "0.06 1/fs", "phase": float(np.pi / 2)}
FIELD_OFF = 125.0  # fs; e^-108 of the amplitude is left


def impurity(conserving, strength=STRENGTH):
    return {"kind": "impurity", "strength": f"{strength} eV", "vertex": "onsite",
            "energy_conserving": conserving}


def run(suite, ansatz, conserving=True, duration=300.0, rtol=1e-8, field=(PULSE,), n_k=N_K,
        sigma=SIGMA, every=5.0, initial=None):
    return suite.run({
        "model": MODEL, "grid": {"k": [n_k]},
        "initial": initial or {"kind": "equilibrium", "temperature": "1500 K", "filling": 0.8},
        "field": list(field),
        "collisions": {"ansatz": ansatz, "broadening": f"{sigma} eV", "terms": [impurity(conserving)]},
        "propagation": {"duration": f"{duration} fs", "rtol": rtol, "atol": rtol / 100},
        "output": {"every": f"{every} fs"}})


def bands(n_k=N_K):
    return np.linalg.eigh(oracle.ssh(T1, T2, MASS, A)(oracle.flat(oracle.zone_grid([[A]], [n_k]))))


def equilibrium_of(number, energy, levels):
    """Fermi occupations of a given number and energy per cell, and kT."""
    def excess(x):
        f = oracle.fermi(levels, *x)
        return [np.sum(f) / len(levels) - number, np.sum(levels * f) / len(levels) - energy]

    found = root(excess, [0.0, 0.15], tol=1e-14)
    if np.max(np.abs(excess(found.x))) > 1e-13:
        raise RuntimeError(found.message)
    return oracle.fermi(levels, *found.x), found.x[1]


def conserved(suite, name, result, start):
    after = result.trace("time") >= start
    energy, number = result.trace("energy")[after], result.trace("number")
    suite.equal(f"{name}: energy without field over its value", energy / energy[0],
                np.ones_like(energy), 1e-12, "linear in f and constant in every evaluation: rounding over the steps")
    suite.equal(f"{name}: number", number, np.full_like(number, number[0]), 1e-12,
                "every scattering out is a scattering in; rounding over the steps")
    suite.above(f"{name}: least change of the entropy from frame to frame",
                np.min(np.diff(result.trace("entropy"))), -1e-13, "never falls; rounding")


def ends_in_equilibrium(suite, name, result, want_hotter_than):
    levels, s = bands()
    occupation, kt = equilibrium_of(result.trace("number")[-1], result.trace("energy")[-1], levels)
    want = (s * occupation[:, None, :]) @ oracle.dagger(s)
    suite.equal(f"{name}: f at the end", result.snapshot()[-1], want, 1e-6,
                "Fermi function of its number and energy, mu and T by scipy; e^-rt and the tolerance")
    suite.above(f"{name}: kT found (eV)", kt, want_hotter_than, "hotter than it began")


def after_pulse(suite):
    """matrix: populations and coherences, from a thermal state shaken by a pulse."""
    result = run(suite, "matrix")
    conserved(suite, "pulse", result, FIELD_OFF)
    work = result.trace("work")
    gained = result.trace("energy") - result.trace("energy")[0]
    suite.equal("pulse: energy gained, at every frame, over the work of the field",
                gained / work[-1], work / work[-1], 1e-8, "Joule heating, nothing else")
    suite.above("pulse: work (eV)", work[-1], 0.01, "otherwise nothing is heated")
    suite.above("pulse: coherence that it makes", np.max(result.trace("coherence")[:, 0, 1]), 0.01,
                "otherwise they are not tested")
    ends_in_equilibrium(suite, "pulse", result, 1.1 * oracle.BOLTZMANN * 1500)


def plain_kernel_heats(suite):
    """The same with the kernel as it is, for contrast: a random walk in energy, of step sigma."""
    heat = []
    for sigma in (SIGMA, SIGMA / 2):
        result = run(suite, "matrix", conserving=False, sigma=sigma)
        after = result.trace("time") >= FIELD_OFF
        energy = result.trace("energy")[after]
        heat.append(abs((energy[-1] - energy[0]) / energy[0]))
        print(f"     plain kernel of {sigma:g} eV: the energy changes by {heat[-1]:.3g} of itself in "
              f"{result.trace('time')[-1] - FIELD_OFF:g} fs without field")
    suite.above("plain kernel: change of the energy without field over its value", min(heat), 0.01,
                "this is what energy_conserving is for")
    initial = {"kind": "equilibrium", "temperature": "1500 K", "filling": 0.8}
    rate = []
    for sigma in (0.02, 0.01):
        short = run(suite, "matrix", conserving=False, sigma=sigma, field=(), duration=1.0, every=1.0,
                    n_k=384, initial=initial)
        rate.append(short.trace("energy")[-1] - short.trace("energy")[0])
    suite.equal("plain kernel: heating at sigma = 20 meV over that at 10 meV", rate[0] / rate[1],
                3.5, 0.5, "second order in sigma, less a logarithm: the square of a density of "
                "states that is singular at the band edges")


def without_coherences(suite):
    """diagonal, from a heap of carriers at one energy: the Boltzmann equation and its H theorem."""
    result = run(suite, "diagonal", field=(), initial={
        "kind": "excited", "temperature": "500 K", "chemical_potential": "-0.1 eV",
        "amplitude": 0.5, "energy": "0.25 eV", "width": "0.05 eV"})
    conserved(suite, "heap", result, 0.0)
    ends_in_equilibrium(suite, "heap", result, oracle.BOLTZMANN * 500)


def constant_field(suite):
    """The current heats: work against energy while carriers cross the zone."""
    result = run(suite, "matrix", n_k=96, duration=60.0,
                 field=[{"kind": "constant", "amplitude": "0.01 V/angstrom"}])
    work = result.trace("work")
    gained = result.trace("energy") - result.trace("energy")[0]
    suite.equal("constant field: energy gained over the work", gained / work[-1], work / work[-1],
                1e-8, "Joule heating, nothing else")
    suite.above("constant field: work (eV)", work[-1], 0.01, "otherwise nothing is heated")
    plain = run(suite, "matrix", conserving=False, n_k=96, duration=60.0,
                field=[{"kind": "constant", "amplitude": "0.01 V/angstrom"}])
    missing = plain.trace("energy")[-1] - plain.trace("energy")[0] - plain.trace("work")[-1]
    suite.above("constant field, plain kernel: energy that nobody supplied over the work",
                missing / plain.trace("work")[-1], 0.05, "for contrast")


# --- linear response ------------------------------------------------------------------------------

HOPPING, MU, KT, N_CHAIN, V_CHAIN = 1.0, -0.4, 0.5, 256, 0.3  # natural units


def steady(suite, sigma, conserving, reference="none"):
    suite.runs += 1
    stem = f"steady{suite.runs:03d}"
    suite.write(stem + ".yaml", json.dumps({
        "units": "natural", "model": {"kind": "chain", "J": HOPPING}, "grid": {"k": [N_CHAIN]},
        "charge": 1, "initial": {"kind": "equilibrium", "temperature": KT, "chemical_potential": MU},
        "collisions": {"ansatz": "matrix", "broadening": sigma, "reference": reference, "terms": [
            {"kind": "impurity", "strength": V_CHAIN, "vertex": "onsite",
             "energy_conserving": conserving}]},
        "propagation": {"duration": 1}}))
    done = suite.execute(["steady", stem + ".yaml", "-o", stem + ".h5", "--quiet", "--threads", "1"])
    if done.returncode != 0:
        raise RunFailed(f"exit status {done.returncode} (expected 0): {done.stderr.strip()}")
    return Result(suite.path(stem + ".h5"))["/steady/conductivity"][0, 0]


def chain_conductivity(sigma, beta):
    """sigma_xx = (1/N) sum v^2 (-f')/Gamma: what scatters in is even in k and carries no current;
    Gamma_k = (1/N) sum_k' [K^>(e - e')(1 - f') + K^<(e - e') f'], kernels displaced by
    beta sigma^2/2."""
    k = 2 * np.pi * np.arange(N_CHAIN) / N_CHAIN
    e, v = -2 * HOPPING * np.cos(k), 2 * HOPPING * np.sin(k)
    f = oracle.fermi(e, MU, KT)
    x, s = e[:, None] - e, beta * sigma**2 / 2

    def gauss(y):
        return np.exp(-0.5 * (y / sigma)**2) / (np.sqrt(2 * np.pi) * sigma)

    rate = 2 * np.pi * V_CHAIN**2 * np.mean(gauss(x - s) * (1 - f) + gauss(x + s) * f, axis=1)
    return np.mean(v**2 * f * (1 - f) / KT / rate)


def linear_response(suite):
    """The displaced kernels, linearized, are finite, and differ from the plain ones at second order."""
    difference = []
    for sigma in (0.2, 0.1):
        conserving, plain = chain_conductivity(sigma, 1 / KT), chain_conductivity(sigma, 0)
        suite.equal(f"steady, sigma {sigma:g}, energy_conserving", steady(suite, sigma, True),
                    conserving, 1e-8 * conserving, "sum over k in numpy; GMRES and the derivative in beta")
        for reference in ("none", "equilibrium"):
            suite.equal(f"steady, sigma {sigma:g}, plain, reference {reference}",
                        steady(suite, sigma, False, reference), plain, 1e-8 * plain, "the same")
        difference.append(abs(conserving / plain - 1))
        print(f"     sigma {sigma:g}: energy_conserving {conserving:.6g}, plain {plain:.6g}")
    suite.below("steady: difference between the two over the value, sigma 0.2", difference[0],
                (0.2 / KT)**2, "(sigma/kT)^2")
    suite.equal("steady: difference at sigma 0.2 over that at 0.1", difference[0] / difference[1],
                4, 0.5, "second order in sigma")


if __name__ == "__main__":
    main([after_pulse, plain_kernel_heats, without_coherences, constant_field, linear_response])
