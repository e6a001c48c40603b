#!/usr/bin/python3
"""Scattering of the carriers from one another: `{kind: electron, ...}`.

The oracle is the golden rule as a sum over k, k2 and k3,

    df/dt = (2 pi/hbar) U^2 (1/N_k^2) sum [ G(x + s) f3 f4 (1 + theta f)(1 + theta f2)
                                          - G(x - s) f f2 (1 + theta f3)(1 + theta f4) ],

k + k2 = k3 + k4, x = e + e2 - e3 - e4, G a Gaussian of width sigma, s = beta sigma^2/2 with the beta
that keeps the energy (Spohn, eqs. 4.5-4.6), and its matrix form for two bands."""

import json
import os
import sys

import h5py
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, root

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

THETA = {"fermion": -1, "boson": 1, "classical": 0}


def gauss(x, sigma):
    return np.exp(-0.5 * (x / sigma)**2) / (np.sqrt(2 * np.pi) * sigma)


def triples(shape, wraps):
    """k, k2, k3, k4 of all ways to k + k2 = k3 + k4 on a grid, as indices."""
    n = int(np.prod(shape))
    grid = np.stack(np.unravel_index(np.arange(n), shape), axis=1)
    k, k2, k3 = (a.ravel() for a in np.meshgrid(*(np.arange(n),) * 3, indexing="ij"))
    k4 = grid[k] + grid[k2] - grid[k3]
    if wraps:
        k4 %= shape
    inside = np.all((k4 >= 0) & (k4 < shape), axis=1)
    return k[inside], k2[inside], k3[inside], np.ravel_multi_index(k4[inside].T, shape)


class GoldenRule:
    def __init__(self, energy, shape, wraps, u, sigma, theta, conserving=True, hbar=1.0):
        self.e, self.theta, self.sigma, self.conserving = energy, theta, sigma, conserving
        self.at = triples(shape, wraps)
        e = [energy[i] for i in self.at]
        self.x = e[0] + e[1] - e[2] - e[3]
        self.factor = 2 * np.pi / hbar * u**2 / len(energy)**2

    def at_beta(self, f, beta):
        h = 1 + self.theta * f
        a, b, c, d = self.at
        s = beta * self.sigma**2 / 2
        flow = (gauss(self.x + s, self.sigma) * f[c] * f[d] * h[a] * h[b]
                - gauss(self.x - s, self.sigma) * f[a] * f[b] * h[c] * h[d])
        return self.factor * np.bincount(a, flow, len(f))

    def rate(self, f):
        if not self.conserving:
            return self.at_beta(f, 0.0)
        beta = brentq(lambda b: self.e @ self.at_beta(f, b), -4 / self.sigma, 4 / self.sigma,
                      xtol=1e-14, rtol=1e-14)
        return self.at_beta(f, beta)

    def run(self, f, times):
        return solve_ivp(lambda t, y: self.rate(y), (0, times[-1]), f, t_eval=times, rtol=1e-9,
                         atol=1e-11, method="DOP853").y.T


def scenario(model, grid, initial, terms, duration, ansatz="matrix", statistics="fermion", **keys):
    return {"units": "natural", "statistics": statistics, "model": model, "grid": {"k": grid},
            "initial": initial, "collisions": {"ansatz": ansatz, "terms": terms},
            "propagation": {"duration": duration, "rtol": 1e-9, "atol": 1e-11},
            "output": {"every": duration / 40, "snapshots": {"every": duration / 2}}, **keys}


def square_energy(n, hopping):
    k = 2 * np.pi * np.arange(n) / n
    return (-2 * hopping * (np.cos(k)[:, None] + np.cos(k))).ravel()


def golden_rule(suite):
    """All statistics on a lattice, where pairs may wrap, and in a box, where they may not."""
    u, sigma, n = 0.5, 0.35, 4
    lattice = ({"kind": "square", "J": 0.6, "spin_degeneracy": 2}, [n, n], square_energy(n, 0.6), True)
    axis = -1.5 + 3 * np.arange(5) / 5
    box = ({"kind": "parabolic", "mass": 0.8, "k_max": 1.5, "spin_degeneracy": 2}, [5],
           axis**2 / 1.6, False)
    for statistics, theta in THETA.items():
        for model, grid, energy, wraps in (lattice, box):
            for conserving in (True, False):
                initial = {"kind": "excited", "temperature": 1.0, "chemical_potential":
                           energy.min() - 0.5 if theta >= 0 else energy.mean() - 0.3,
                           "energy": float(np.sort(energy)[-3]), "width": 0.5, "amplitude": 0.4}
                term = {"kind": "electron", "U": u, "broadening": sigma, "energy_conserving": conserving}
                result = suite.run(scenario(model, grid, initial, [term], 4.0, statistics=statistics))
                got = result.snapshot().reshape(3, -1).real
                rule = GoldenRule(energy, tuple(grid), wraps, u, sigma, theta, conserving)
                want = rule.run(got[0], result["/snapshots/time"])
                suite.equal(f"golden rule, {statistics}, {model['kind']}, energy_conserving "
                            f"{conserving}: f", got, want, 1e-7, "rtol of both integrations")
                suite.above("    change of f", np.max(np.abs(want[-1] - want[0])), 0.01,
                            "otherwise nothing is tested")


# --- two bands ------------------------------------------------------------------------------------

T1, T2, MASS, N_CHAIN, SIGMA = 0.5, 0.4, 0.3, 6, 0.4
STEP = 0.02


def pieces(f):
    """P_n and {P_n, f}/2, [k, n, a, b], and the levels."""
    k = 2 * np.pi * np.arange(N_CHAIN) / N_CHAIN
    h = oracle.ssh(T1, T2, MASS, 1.0)(k[:, None])
    level, vector = np.linalg.eigh(h)
    p = np.einsum("kan,kbn->knab", vector, np.conj(vector))
    return h, level, p, (p @ f[:, None] + f[:, None] @ p) / 2


def matrix_rate(f, theta, term, g_s):
    """C[f] by sums over k, k2, k3 and levels, with the beta that keeps the energy."""
    h, level, p, occupied = pieces(f)
    free = p + theta * occupied
    a, b, c, d = triples((N_CHAIN,), True)
    contact = term.get("interaction", "contact") == "contact"
    if contact:
        u = np.broadcast_to(term["U"], 2)
        u = np.outer(u, u) * (g_s - 1)
    else:
        q = (a - c + N_CHAIN // 2) % N_CHAIN - N_CHAIN // 2
        x = 2 * np.pi * q / N_CHAIN
        q0 = term["form"]["q0"]
        v2 = g_s * term["U"]**2 * (q0**2 / (x**2 + q0**2))**2

    def at_beta(beta):
        s = beta * SIGMA**2 / 2
        in_out = []
        for g, o, sign in ((occupied, free, 1), (free, occupied, -1)):
            total = np.zeros((N_CHAIN, 2, 2, 2), complex)  # [k, level, a, b]
            for n in np.ndindex(2, 2, 2, 2):
                energy = level[a, n[0]] + level[b, n[1]] - level[c, n[2]] - level[d, n[3]]
                weight = 2 * np.pi * gauss(energy + sign * s, SIGMA) / N_CHAIN**2
                g3, g4, o2 = g[c, n[2]], g[d, n[3]], np.swapaxes(o[b, n[1]], 1, 2)
                if contact:
                    x = u * g3 * g4 * o2
                else:
                    x = g3 * (v2 * np.einsum("kab,kab->k", g4, o2))[:, None, None]
                np.add.at(total[:, n[0]], a, weight[:, None, None] * x)
            in_out.append(total)
        lesser, greater = in_out
        rate = (lesser @ free + free @ lesser - greater @ occupied - occupied @ greater).sum(axis=1) / 2
        return rate, np.einsum("kab,kba->", h, rate).real

    beta = brentq(lambda x: at_beta(x)[1], -6, 6, xtol=1e-14, rtol=1e-14)
    return at_beta(beta)[0]


def matrices(suite):
    """The operator on matrices, for contact interactions that differ between the orbitals and for
    V(q), against the sums."""
    x = 2 * np.pi * np.arange(N_CHAIN) / N_CHAIN
    _, vector = np.linalg.eigh(oracle.ssh(T1, T2, MASS, 1.0)(x[:, None]))
    band = np.zeros((N_CHAIN, 2, 2), complex)
    band[:, 0, 0], band[:, 1, 1] = 0.6 + 0.2 * np.cos(x + 0.4), 0.3 + 0.1 * np.sin(x)
    band[:, 0, 1] = 0.15 + 0.1j * np.cos(x)
    band[:, 1, 0] = np.conj(band[:, 0, 1])
    start = vector @ band @ oracle.dagger(vector)
    model = {"kind": "ssh", "t1": T1, "t2": T2, "mass": MASS, "lattice_constant": 1,
             "spin_degeneracy": 3}
    first = suite.run(scenario(model, [N_CHAIN], {"kind": "bands", "occupation": [0.5, 0.5]}, [], 1e-3,
                               "none"))
    template = suite.path("template.h5")
    os.rename(first.path, template)
    with h5py.File(template, "r+") as file:
        file["snapshots/f"][0] = start
    terms = [{"kind": "electron", "U": [0.5, 0.8], "broadening": SIGMA},
             {"kind": "electron", "U": 0.6, "interaction": "density", "broadening": SIGMA,
              "form": {"kind": "yukawa", "q0": 1.5}}]
    for term in terms:
        for statistics in ("fermion", "boson"):
            text = scenario(model, [N_CHAIN], {"kind": "file", "file": template, "snapshot": 0}, [term],
                            6 * STEP, statistics=statistics)
            text["output"]["snapshots"]["every"] = STEP
            text["propagation"].update(rtol=1e-12, atol=1e-14)
            result = suite.run(text)
            h, level, _, _ = pieces(start)
            phase = np.exp(1j * (level[:, :, None] - level[:, None, :])
                           * result["/snapshots/time"][:, None, None, None])
            weights = np.array([-147, 360, -450, 400, -225, 72, -10]) / (60 * STEP)
            inner = oracle.dagger(vector) @ result.snapshot() @ vector
            got = vector @ np.tensordot(weights, phase * inner, axes=1) @ oracle.dagger(vector)
            want = matrix_rate(start, THETA[statistics], term, 3)
            largest = np.max(np.abs(want))
            suite.equal(f"matrices, {term.get('interaction', 'contact')}, {statistics}: C[f] over its "
                        "largest", got / largest, want / largest, 1e-6,
                        "six-point difference of f over 0.12: (0.12 gap)^6 and rounding")


# --- where it leads -------------------------------------------------------------------------------


def thermal_of(energy, number, mean_energy, theta):
    """Thermal occupations of a given number and energy per cell, and kT."""
    def f(x):
        return 1 / (np.exp((energy - x[0]) / x[1]) - theta)

    start = [energy.min() - 1.0, 1.5] if theta >= 0 else [energy.mean(), 1.5]
    found = root(lambda x: [f(x).mean() - number, (energy * f(x)).mean() - mean_energy], start, tol=1e-14)
    return f(found.x), found.x[1]


def to_equilibrium(suite):
    """Number, energy, entropy; the thermal function of the first two at the end."""
    for statistics, theta, integrator in [(s, t, "adams") for s, t in THETA.items()] + [
            ("fermion", -1, "bdf")]:
        energy = square_energy(8, 1.0)
        initial = {"kind": "excited", "temperature": 1.0, "chemical_potential":
                   -1.0 if theta < 0 else -4.6, "energy": 2.5, "width": 0.8,
                   "amplitude": 0.6 if theta < 0 else 0.2}
        term = {"kind": "electron", "U": 1.0, "broadening": 0.3}
        result = suite.run(scenario({"kind": "square", "J": 1.0, "spin_degeneracy": 2}, [8, 8], initial,
                                    [term], 400.0 if theta < 0 else 1000.0, statistics=statistics),
                           "--set", f"propagation.integrator={integrator}")
        name_of_run = f"{statistics}, {integrator}"
        for name in ("number", "energy"):
            trace = result.trace(name)
            suite.equal(f"{name_of_run}: {name} over its first value", trace / trace[0],
                        np.ones_like(trace), 1e-10, "kept in every evaluation: rounding over the steps")
        suite.above(f"{name_of_run}: least change of the entropy from frame to frame",
                    np.min(np.diff(result.trace("entropy"))), -1e-12, "never falls; rounding")
        f = result.snapshot()[-1].ravel().real
        want, kt = thermal_of(energy, result.trace("number")[-1] / 2, result.trace("energy")[-1] / 2,
                              theta)
        suite.equal(f"{name_of_run}: f at the end", f, want, 1e-6,
                    "thermal function of its number and energy, by scipy; e^-rt and the tolerance")
        suite.above(f"{name_of_run}: largest change of f", np.max(np.abs(f - result.snapshot()[0].ravel())),
                    0.05, "otherwise nothing happened")
        if theta < 0:
            suite.above(f"{name_of_run}: smallest f", np.min(result.trace("min_f")), 0, "0 <= f")
            suite.above(f"{name_of_run}: smallest 1 - f", np.min(result.trace("min_1mf")), 0, "f <= 1")


def current_without_umklapp(suite):
    """A clean gas with a parabolic band has no resistivity; impurities give it one."""
    k_max, sigma = 4.0, 0.1
    model = {"kind": "parabolic", "mass": 1.0, "k_max": k_max, "spin_degeneracy": 2}
    # A displaced Fermi function would be stationary.
    initial = {"kind": "excited", "temperature": 0.2, "chemical_potential": 0.3, "energy": 1.0,
               "width": 0.2, "amplitude": 0.5}
    kick = [{"kind": "kick", "impulse": 0.5, "time": 0.5, "direction": [1]}]
    electron = {"kind": "electron", "U": 1.0, "broadening": sigma}
    impurity = {"kind": "impurity", "strength": 0.3, "broadening": sigma, "energy_conserving": True}
    clean, dirty = (suite.run(scenario(model, [64], initial, terms, 30.0, field=kick, charge=1))
                    for terms in ([electron], [electron, impurity]))
    after = clean.trace("time") > 0.6
    current = clean.trace("current")[after, 0]
    suite.equal("clean: current over its value after the kick", current / current[0],
                np.ones_like(current), 1e-9, "momentum is kept, and v = k/m")
    change = np.max(np.abs(clean.snapshot()[-1] - clean.snapshot()[1]))
    suite.above("clean: change of f in the second half", change, 1e-3, "otherwise nothing scatters")
    suite.below("with impurities: current at the end over its value after the kick",
                dirty.trace("current")[-1, 0] / dirty.trace("current")[after, 0][0], 0.5, "it decays")


def insulator_in_a_field(suite):
    """A cold insulator that a weak field polarizes: its coherences leave no displacement that keeps the
    energy, and hardly anything scatters. The run goes on, in steps as long as without the
    displacement, and says what it leaves."""
    base = {"units": "eV-fs-angstrom", "model": {"kind": "ssh", "t1": "1 eV", "t2": "0.7 eV", "lattice_constant": "3 angstrom",
                      "spin_degeneracy": 2},
            "grid": {"k": [64]}, "field": [{"kind": "constant", "amplitude": "1 MV/cm"}],
            "initial": {"kind": "equilibrium", "temperature": "300 K", "filling": 1},
            "propagation": {"duration": "10 fs"}, "output": {"every": "0.1 fs"}}
    results = {}
    for conserving in (True, False):
        collisions = {"ansatz": "matrix", "terms": [
            {"kind": "electron", "U": "0.2 eV", "broadening": "20 meV", "energy_conserving": conserving}]}
        results[conserving] = suite.run(dict(base, collisions=collisions))
    energy = {c: r.trace("energy") - r.trace("energy")[0] for c, r in results.items()}
    work = results[True].trace("work")
    size = np.max(np.abs(energy[True]))
    lost = energy[True] - work
    said = [w for w in results[True].warnings() if "does not keep the energy" in w]
    suite.equal("insulator: the energy that is not kept is said", len(said), 1, 0, "above 1e-3 of its change")
    amount = float(said[0].split("some ")[1].split(" eV")[0]) if said else 0.0
    suite.below("    what is said over what is lost", abs(lost[-1]), 2 * amount, "one digit, moduli summed")
    suite.below("    and the other way", amount, 20 * np.max(np.abs(lost)), "moduli summed")
    suite.below("insulator: energy against work", np.max(np.abs(lost)), 0.1 * size, "what virtual "
                "coherences scatter: U^2 against the gap, 5 % in 20 fs")
    suite.equal("insulator: energy against that without displacement", energy[True], energy[False],
                0.02 * size, "the same order of what hardly scatters")
    steps = {c: float(r.attributes["rate_evaluations"]) for c, r in results.items()}
    suite.below("insulator: rate evaluations over those without displacement", steps[True],
                3 * steps[False], "no step collapses where a zero of dE/dt comes or goes")


if __name__ == "__main__":
    main([golden_rule, matrices, to_equilibrium, current_without_umklapp, insulator_in_a_field])
