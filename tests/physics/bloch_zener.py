#!/usr/bin/python3
"""Bloch oscillations of a chain, and Bloch-Zener dynamics of a Rice-Mele chain in a dc field against
a direct integration along each k(t) = k0 + F t/hbar; conservation laws over ten Bloch periods."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main


def bloch_current(suite):
    """J(t) = -q (2 J a/hbar) C sin(F a t/hbar), C = (1/N) sum cos(ka) f0, exact on any grid."""
    hopping, a, kT, mu, field, n = 0.3, 4.0, 0.05, -0.4, 0.01, 96
    for charge, g_s in ((-1, 1), (2, 2)):
        force = charge * field
        period = 2 * np.pi * oracle.HBAR / (abs(force) * a)
        times = np.linspace(0, 3 * period, 91)
        result = suite.run({
            "charge": charge,
            "model": {"kind": "chain", "J": f"{hopping} eV", "lattice_constant": f"{a} angstrom",
                      "spin_degeneracy": g_s},
            "grid": {"k": [n]},
            "initial": {"kind": "equilibrium", "temperature": f"{kT / oracle.BOLTZMANN!r} K",
                        "chemical_potential": f"{mu} eV"},
            "field": [{"kind": "constant", "amplitude": f"{field} V/angstrom"}],
            "propagation": {"duration": f"{3 * period!r} fs", "rtol": 1e-10, "atol": 1e-12},
            "output": {"every": f"{period / 30!r} fs"}})
        k = 2 * np.pi * np.arange(n) / n
        occupation = oracle.fermi(-2 * hopping * np.cos(k), mu, kT)
        top = charge * g_s * 2 * hopping * a / oracle.HBAR * np.mean(np.cos(k) * occupation)
        name = f"chain, charge {charge}, g_s {g_s}"
        suite.equal(f"{name}: frames", result.trace("time"), times, 1e-9 * period,
                    "every = period/30")
        suite.equal(f"{name}: current over 3 Bloch periods", result.trace("current")[:, 0],
                    top * np.sin(force * a * times / oracle.HBAR), 1e-9 * abs(top),
                    "closed form; rtol 1e-10")
        suite.equal(f"{name}: intraband part is all of it", result.trace("current_intra"),
                    result.trace("current"), 1e-12 * abs(top), "one band")
        spectrum = np.abs(np.fft.rfft(result.trace("current")[:90, 0]))
        suite.equal(f"{name}: the only line of the current is at 3 cycles per 3 periods",
                    spectrum, np.where(np.arange(46) == 3, spectrum[3], 0), 1e-8 * spectrum[3],
                    "period 2 pi hbar/(F a)")
        energy = g_s * np.mean(-2 * hopping * np.cos(k + force * a * times[:, None] / oracle.HBAR)
                               * occupation, axis=1)
        suite.equal(f"{name}: energy", result.trace("energy"), energy, 1e-10, "closed form")


def rice_mele(suite, label, units, scheme="interaction"):
    # f(k) holds up to ~10 * bandwidth/(F a) cells: `interaction` needs no grid for that, since its
    # points drift along, `unsplit` does.
    t1, t2, mass, n = 1.0, 0.8, 0.15, 96 if scheme == "interaction" else 384
    natural = units == "natural"
    hbar = 1.0 if natural else oracle.HBAR
    a = 1.0 if natural else 3.5
    positions = np.array([0.0, 0.0] if label == "positions 0" else [0.1 * a, 0.55 * a])
    charge = -1
    force = 0.25 / a
    period = 2 * np.pi * hbar / (force * a)
    duration = 10 * period

    def quantity(value, unit):
        return value if natural else f"{value!r} {unit}"

    model = {"kind": "ssh", "t1": quantity(t1, "eV"), "t2": quantity(t2, "eV"),
             "mass": quantity(mass, "eV"),
             "positions": [quantity(p, "angstrom") for p in positions.tolist()]}
    if not natural:
        model["lattice_constant"] = quantity(a, "angstrom")
    result = suite.run({
        "units": units, "charge": charge, "model": model, "grid": {"k": [n]},
        "initial": {"kind": "equilibrium", "temperature": quantity(0.0, "K"), "filling": 1.0},
        "field": [{"kind": "constant", "amplitude": quantity(force / charge, "V/angstrom")}],
        "propagation": {"duration": quantity(duration, "fs"), "rtol": 1e-10, "atol": 1e-12,
                        "scheme": scheme},
        "output": {"every": quantity(period / 8, "fs"),
                   "snapshots": {"every": quantity(2.5 * period, "fs")}}})
    name = f"Rice-Mele, {label}, {units}, {scheme}"

    h = oracle.ssh(t1, t2, mass, a)
    k = 2 * np.pi / a * np.arange(n)[:, None] / n
    times = np.arange(81) * period / 8
    position = np.diag(positions)[None].astype(complex)
    u = oracle.evolve(h, k, *oracle.constant_force([force], hbar), times, position, hbar)
    start = oracle.band_projector(h(k), 0)
    population, coherence, energy, current = [], [], [], []
    for t, u_t in zip(times, u):
        q = k + force * t / hbar
        f = u_t @ start @ oracle.dagger(u_t)
        population.append(oracle.band_population(h(q), f).mean(axis=0))
        energy.append(np.mean(np.einsum("kij,kji->k", h(q), f).real))
        v = oracle.velocity(h, q, 0, position[0], hbar, step=1e-3 / a)
        current.append(charge * np.mean(np.einsum("kij,kji->k", v, f).real))
        vector = np.linalg.eigh(h(q))[1]
        coherence.append(np.abs(np.einsum("kin,kij,kjm->knm", vector.conj(), f, vector))
                         .mean(axis=0)[0, 1])
    suite.above(f"{name}: tunnelling is strong (largest upper population)",
                np.max(population, axis=0)[1], 0.05, "otherwise nothing is tested")
    suite.equal(f"{name}: populations over 10 Bloch periods", result.trace("population"),
                np.array(population), 1e-6, "acceptance; direct integration at 1e-12")
    suite.equal(f"{name}: the same, tighter", result.trace("population"), np.array(population),
                2e-8, "200 rtol")
    suite.equal(f"{name}: energy", result.trace("energy"), np.array(energy), 2e-8, "200 rtol")
    suite.equal(f"{name}: current", result.trace("current")[:, 0], np.array(current),
                2e-8 * max(1.0, np.max(np.abs(current))), "200 rtol")
    # On the model's grid: after whole periods/4 the displaced grid is the grid (n is a multiple of 4).
    whole = np.arange(0, 81, 2)
    suite.equal(f"{name}: coherence |f_01| at quarter periods",
                result.trace("coherence")[whole, 0, 1], np.array(coherence)[whole], 1e-7,
                "direct integration, same k points")
    suite.equal(f"{name}: number", result.trace("number"), 1.0, 1e-12, "acceptance")
    suite.equal(f"{name}: /traces/purity keeps its first value",
                result.trace("purity"), result.trace("purity")[0], 1e-9, "acceptance: pure state")
    f = result.snapshot()
    suite.equal(f"{name}: f.f = f at each snapshot", f @ f, f, 1e-9, "acceptance: pure state")
    suite.equal(f"{name}: last snapshot, every matrix element", f[-1],
                u[-1] @ start @ oracle.dagger(u[-1]), 1e-7,
                "after 10 periods each k is back; 1e3 rtol")
    work = result.trace("work")
    suite.equal(f"{name}: energy change is the work", result.trace("energy")
                - result.trace("energy")[0], work - work[0], 1e-8, "acceptance")


def natural(suite):
    rice_mele(suite, "positions 0", "natural")


def with_positions(suite):
    rice_mele(suite, "positions 0.1 a and 0.55 a", "natural")
    rice_mele(suite, "positions 0.1 a and 0.55 a", "eV-fs-angstrom")


def unsplit(suite):
    rice_mele(suite, "positions 0.1 a and 0.55 a", "natural", "unsplit")


if __name__ == "__main__":
    main([bloch_current, natural, with_positions, unsplit])
