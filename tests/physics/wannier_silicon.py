#!/usr/bin/python3
"""Silicon from a Wannier90 file, against a reader written for this test: bands, velocity with the
position matrices, and the plain _hr.dat file made from the same data."""

import json
import os
import shutil
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

SOURCE = os.path.join("scenarios", "silicon_pulse", "silicon_tb.dat")


class TightBinding:
    """seedname_tb.dat: comment, 3 lattice vectors, bands, cells, degeneracies (15 per line), then
    for each cell R, "m n Re Im" of <0 m|H|R n>, then for each cell "m n" and 3 complex of r."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            file.readline()
            words = iter(file.read().split())
        self.vectors = np.array([[float(next(words)) for _ in range(3)] for _ in range(3)])
        self.bands, cells = int(next(words)), int(next(words))
        self.weight = np.array([int(next(words)) for _ in range(cells)])
        shape = (cells, self.bands, self.bands)
        self.cell = np.zeros((cells, 3), dtype=int)
        self.h = np.zeros(shape, dtype=complex)
        self.r = np.zeros((3, *shape), dtype=complex)
        for table in (self.h[None], self.r):
            for i in range(cells):
                self.cell[i] = [int(next(words)) for _ in range(3)]
                for _ in range(self.bands**2):
                    m, n = int(next(words)) - 1, int(next(words)) - 1
                    for component in table:
                        component[i, m, n] = complex(float(next(words)), float(next(words)))
        assert next(words, None) is None

    def sum(self, matrices, k):
        phase = np.exp(1j * k @ (self.cell @ self.vectors).T) / self.weight
        return np.tensordot(phase, matrices, axes=(1, 0))

    def hamiltonian(self, k):
        return self.sum(self.h, k)

    def position(self, k, axis):
        r = self.sum(self.r[axis], k)
        return (r + oracle.dagger(r)) / 2

    def write_hr(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f" made from the tb file\n{self.bands:12d}\n{len(self.weight):12d}\n")
            for start in range(0, len(self.weight), 15):
                file.write("".join(f"{w:5d}" for w in self.weight[start:start + 15]) + "\n")
            for cell, h in zip(self.cell, self.h):
                for n in range(self.bands):
                    for m in range(self.bands):
                        file.write("".join(f"{c:5d}" for c in cell) + f"{m + 1:5d}{n + 1:5d}"
                                   f"{h[m, n].real:20.12f}{h[m, n].imag:20.12f}\n")


def prepare(suite):
    shutil.copy(os.path.join(suite.source_root, SOURCE), suite.path("silicon_tb.dat"))
    return TightBinding(suite.path("silicon_tb.dat"))


def scenario(grid, name="silicon_tb.dat", **model):
    return {"model": {"kind": "wannier90", "file": name, **model}, "grid": {"k": grid},
            "initial": {"kind": "equilibrium", "temperature": "0 K", "filling": 4.0},
            "propagation": {"duration": "0.01 fs"}}


def bands(suite):
    silicon = prepare(suite)
    seen = 0
    for grid in ([4, 4, 4], [5, 5, 5], [3, 1, 7]):
        result = suite.run(scenario(grid))
        k = oracle.zone_grid(silicon.vectors, grid)
        suite.equal(f"k points of {grid}", result["/grid/k"], k, 1e-12, "k = sum (j/n) b")
        h = silicon.hamiltonian(oracle.flat(k))
        suite.equal(f"bands on {grid}", result["/model/energy"],
                    np.linalg.eigvalsh((h + oracle.dagger(h)) / 2).reshape(*grid, -1), 1e-10,
                    "acceptance, eV")
        seen += np.prod(grid)
        vector, energy = result["/model/eigenvector"], result["/model/energy"]
        suite.equal(f"H S = S E on {grid}", h.reshape(vector.shape) @ vector,
                    vector * energy[..., None, :], 1e-10, "eigenvectors of the same H, eV")
    suite.above("number of k points compared", seen, 100, "acceptance")


def velocity(suite):
    silicon = prepare(suite)
    grid = [3, 4, 5]
    result = suite.run(scenario(grid))
    k = oracle.flat(oracle.zone_grid(silicon.vectors, grid))
    shift = 0.0
    for axis in range(3):
        want = oracle.velocity(silicon.hamiltonian, k, axis,
                               lambda q, i=axis: silicon.position(q, i), step=5e-3)
        bare = oracle.velocity(silicon.hamiltonian, k, axis, step=5e-3)
        shift = max(shift, np.max(np.abs(want - bare)))
        suite.equal(f"velocity along {'xyz'[axis]}",
                    result["/model/velocity"][..., axis, :, :].reshape(want.shape), want, 1e-6,
                    "acceptance; sixth-order difference, r made Hermitian, angstrom/fs")
    suite.above("the part i[H, r]/hbar of it", shift, 1e-3, "otherwise r is not tested")


def pulse(suite):
    silicon = prepare(suite)
    grid = [4, 4, 4]
    start = scenario(grid, spin_degeneracy=2)
    start["field"] = [{"kind": "pulse", "amplitude": "0.3 V/angstrom", "center": "3 fs",
                       "fwhm": "2 fs", "frequency": "0.6 1/fs", "direction": [1, 1, 0]}]
    start["propagation"] = {"duration": "6 fs", "rtol": 1e-8, "atol": 1e-10}
    start["output"] = {"every": "0.5 fs"}
    result = suite.run(start)
    number, energy, work = (result.trace(name) for name in ("number", "energy", "work"))
    suite.equal("pulse: number", number, 8.0, 8e-12, "1e-12 of 8 electrons")
    suite.equal("pulse: energy change is the work", energy - energy[0], work - work[0], 1e-6,
                "rtol 1e-8, eV")
    suite.above("pulse: energy taken up", energy[-1] - energy[0], 0.01, "else nothing is tested")
    suite.equal("pulse: purity", result.trace("purity"), result.trace("purity")[0], 1e-7,
                "a pure state stays pure")

    # Every trajectory by itself: points drift along, so the coarse grid does not matter.
    def hermitian(k):
        h = silicon.hamiltonian(k)
        return (h + oracle.dagger(h)) / 2

    field = oracle.gauss_pulse(0.3, 3.0, 2.0, 0.6)
    force, displacement = oracle.pulse_force(-1, field, 0, 6, [1, 1, 0])
    k0 = oracle.flat(oracle.zone_grid(silicon.vectors, grid))

    def dressed(t):
        q = k0 + displacement(t)
        f = force(t)
        return hermitian(q) - sum(f[i] * silicon.position(q, i) for i in range(2))

    # Fourth-order Magnus steps in plain numpy; the step is small enough for 1e-7.
    steps = 600
    h = 6.0 / steps
    node = np.sqrt(3) / 6
    u = np.broadcast_to(np.eye(silicon.bands, dtype=complex),
                        (len(k0), silicon.bands, silicon.bands)).copy()
    for i in range(steps):
        a = dressed((i + 0.5 - node) * h)
        b = dressed((i + 0.5 + node) * h)
        omega = (a + b) * h / 2 / oracle.HBAR - 1j * (np.sqrt(3) / 12) * (h / oracle.HBAR)**2 * (
            b @ a - a @ b)
        energies, vectors = np.linalg.eigh(omega)
        u = (vectors * np.exp(-1j * energies)[:, None, :]) @ oracle.dagger(vectors) @ u
    start_f = oracle.function_of(hermitian(k0), lambda e: (np.arange(8) < 4) * np.ones_like(e))
    q = k0 + displacement(6.0)
    population = oracle.band_population(hermitian(q), u @ start_f @ oracle.dagger(u)).mean(axis=0)
    suite.equal("pulse: conduction bands together", result.trace("population")[-1, 4:].sum(),
                population[4:].sum(), 1e-6, "own integration of each k(t), 600 Magnus steps")
    suite.equal("pulse: each band", np.add.reduceat(result.trace("population")[-1], [0, 4, 6]),
                np.add.reduceat(population, [0, 4, 6]), 1e-6, "the same; groups of bands")


def plain_file(suite):
    silicon = prepare(suite)
    silicon.write_hr(suite.path("made_hr.dat"))
    vectors = [[f"{x!r} angstrom" for x in row] for row in silicon.vectors.tolist()]
    grid = [4, 3, 5]
    with_r = suite.run(scenario(grid))
    result = suite.run(scenario(grid, "made_hr.dat", lattice_vectors=vectors))
    suite.equal("bands of the _hr.dat file", result["/model/energy"], with_r["/model/energy"],
                1e-10, "the same numbers; eV")
    k = oracle.flat(oracle.zone_grid(silicon.vectors, grid))
    want = oracle.velocity(silicon.hamiltonian, k, 1, step=5e-3)
    suite.equal("velocity of the _hr.dat file is dH/dk alone",
                result["/model/velocity"][..., 1, :, :].reshape(want.shape), want, 1e-6,
                "no position matrices; angstrom/fs")
    missing = scenario(grid, "made_hr.dat")
    suite.write("missing.yaml", json.dumps(missing))
    suite.equal("exit status of _hr.dat without lattice_vectors",
                suite.execute(["check", "missing.yaml"]).returncode, 2, 0, "interface")


def options(suite):
    """fermi_energy shifts, scissor opens the gap."""
    silicon = prepare(suite)
    grid = [4, 4, 4]
    h = silicon.hamiltonian(oracle.flat(oracle.zone_grid(silicon.vectors, grid)))
    energy = np.linalg.eigvalsh(h).reshape(*grid, -1)
    middle = (energy[..., 3].max() + energy[..., 4].min()) / 2
    result = suite.run(scenario(grid, fermi_energy=f"{middle!r} eV"))
    suite.equal("fermi_energy becomes zero", result["/model/energy"], energy - middle, 1e-10, "eV")
    result = suite.run(scenario(grid, fermi_energy=f"{middle!r} eV", scissor="0.6 eV"))
    suite.equal("scissor lifts the conduction bands", result["/model/energy"],
                energy - middle + 0.6 * (np.arange(8) >= 4), 1e-9, "rigid shift, eV")


if __name__ == "__main__":
    main([bands, velocity, pulse, plain_file, options])
