#!/usr/bin/python3
"""`ansatz: t1_t2` against the semiconductor Bloch equations, integrated along the moving k by itself.

At k(t) = k0 + (1/hbar) int F dt, with S the eigenvectors and e the levels of H(k(t)),

    df/dt = -(i/hbar) [H - F.r, f] - S [ (f_nn - f_eq(e_n))/T1 for n = m, f_nm/T2 else ] S^+

and f_nm = (S^+ f S)_nm: populations relax to the Fermi function at the kinetic k, coherences decay."""

import os
import sys

import numpy as np
from scipy.integrate import solve_ivp

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

T1, T2 = 60.0, 10.0  # fs


def bloch_equations(hamiltonian, k0, position, field, direction, temperature, mu, times, a_step):
    """Current [t, d] per cell and spin, number, populations [t, band] and energy at `times`."""
    force, displacement = oracle.pulse_force(-1, field, times[0], times[-1], direction)
    kT = oracle.BOLTZMANN * temperature
    n, d, b = len(k0), k0.shape[1], hamiltonian(k0[:1]).shape[-1]

    def rate(t, y):
        f = y.reshape(n, b, b)
        h = hamiltonian(k0 + displacement(t))
        energy, s = np.linalg.eigh(h)
        g = oracle.dagger(s) @ f @ s
        relaxed = -g / T2
        index = np.arange(b)
        populations = np.real(g[:, index, index])
        relaxed[:, index, index] = -(populations - oracle.fermi(energy, mu, kT)) / T1
        full = h - np.tensordot(force(t), position, axes=(0, 0))
        return ((-1j / oracle.HBAR) * (full @ f - f @ full)
                + s @ relaxed @ oracle.dagger(s)).ravel()

    start = oracle.function_of(hamiltonian(k0), lambda e: oracle.fermi(e, mu, kT))
    solution = solve_ivp(rate, (times[0], times[-1]), start.ravel().astype(complex),
                         method="DOP853", t_eval=times, rtol=1e-10, atol=1e-12, max_step=1.0)
    if not solution.success:
        raise RuntimeError(solution.message)
    current, population, energy = [], [], []
    for t, y in zip(times, solution.y.T):
        f, k = y.reshape(n, b, b), k0 + displacement(t)
        current.append([-np.mean(np.real(np.einsum(
            "kab,kba->k", oracle.velocity(hamiltonian, k, axis, position[axis], step=a_step), f)))
            for axis in range(d)])
        h = hamiltonian(k)
        population.append(np.mean(oracle.band_population(h, f), axis=0))
        energy.append(np.mean(np.real(np.einsum("kab,kba->k", h, f))))
    return np.array(current), np.array(population), np.array(energy)


def compare(suite, name, scenario, hamiltonian, k0, position, pulse, temperature, mu, duration,
            transverse=None):
    amplitude, center, fwhm, frequency, direction = pulse
    times = np.arange(0, duration + 0.25, 0.5)
    want, population, energy = bloch_equations(
        hamiltonian, k0, np.asarray(position, dtype=complex),
        oracle.gauss_pulse(amplitude, center, fwhm, frequency), direction, temperature, mu, times,
        5e-3)
    # At rtol 1e-9 only the equations are compared. The program interpolates f between the grids of
    # k(t) and of the model, which is exact up to the cells that the grid holds.
    result = suite.run({
        **scenario,
        "initial": {"kind": "equilibrium", "temperature": f"{temperature} K",
                    "chemical_potential": f"{mu} eV"},
        "field": [{"kind": "pulse", "amplitude": f"{amplitude} V/angstrom",
                   "center": f"{center} fs", "fwhm": f"{fwhm} fs",
                   "frequency": f"{frequency} 1/fs", "direction": list(direction)}],
        "collisions": {"ansatz": "t1_t2", "t1": f"{T1} fs", "t2": f"{T2} fs"},
        "propagation": {"duration": f"{duration} fs", "rtol": 1e-9, "atol": 1e-11},
        "output": {"every": "0.5 fs"}})
    got = result.trace("current")
    largest = np.max(np.abs(want))
    why = "both integrate at 1e-9 or better; 1e-6 of the largest"
    suite.equal(f"{name}: time", result.trace("time"), times, 1e-9, "frames")
    for axis in range(k0.shape[1]):
        suite.equal(f"{name}: current, axis {axis}, over its largest", got[:, axis] / largest,
                    want[:, axis] / largest, 1e-6, why)
    change = np.max(np.abs(population - population[0]))
    suite.equal(f"{name}: populations", result.trace("population"), population, 1e-6 * change, why)
    suite.equal(f"{name}: energy", result.trace("energy"), energy,
                1e-6 * np.max(np.abs(energy - energy[0])), why)
    suite.above(f"{name}: largest change of a population", change, 0.01, "otherwise little is tested")
    if transverse is not None:
        suite.above(f"{name}: transverse over the largest current",
                    np.max(np.abs(want[:, transverse])) / largest, 0.03,
                    "the Hall current is tested")


def ssh_chain(suite):
    """The orbitals apart, so that the field couples to them directly."""
    t1, t2, mass, a, b = 1.0, 0.7, 0.1, 3.0, 1.2
    n_k = 192
    compare(suite, "ssh", {
        "model": {"kind": "ssh", "t1": f"{t1} eV", "t2": f"{t2} eV", "mass": f"{mass} eV",
                  "lattice_constant": f"{a} angstrom",
                  "positions": ["0 angstrom", f"{b} angstrom"]},
        "grid": {"k": [n_k]}},
        oracle.ssh(t1, t2, mass, a), oracle.flat(oracle.zone_grid([[a]], [n_k])),
        [np.diag([0, b])], (0.05, 30, 12, 0.1, (1,)), 1500, 0.05, 70)


def haldane(suite):
    """Broken time reversal: a current across the field."""
    t, mass, t2, phase, a = 0.25, 0.05, 0.04, 1.2, 3.0
    counts = [40, 40]
    vectors = oracle.graphene_vectors(a)
    at_b = vectors.sum(axis=0) / 3
    compare(suite, "haldane", {
        "model": {"kind": "haldane", "t": f"{t} eV", "mass": f"{mass} eV", "t2": f"{t2} eV",
                  "phase": f"{phase} rad", "lattice_constant": f"{a} angstrom"},
        "grid": {"k": counts}},
        oracle.graphene(t, mass, a, t2, phase), oracle.flat(oracle.zone_grid(vectors, counts)),
        [np.diag([0, at_b[0]]), np.diag([0, at_b[1]])], (0.06, 20, 10, 0.05, (1.0, 0.0)), 1500,
        -0.1, 40, transverse=1)


if __name__ == "__main__":
    main([ssh_chain, haldane])
