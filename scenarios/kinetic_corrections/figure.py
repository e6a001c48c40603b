#!/usr/bin/python3
"""Draws what the kinetic corrections do, from a dozen runs of keldrift (about a minute).

    figure.py KELDRIFT -o kinetic_corrections

Left: energy after the pulse without and with the corrections, and its stationary value against the
coupling. Right: shift and decay of the coherence at every k. Lines are the numpy calculation of
second_order.py, points are keldrift.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "scripts")]
import h5py
import second_order
import matplotlib.pyplot as plt
import numpy as np
from keldrift.figures import (COLORS, axis_label, figure_options, run_script, save_figure)
from keldrift.result import Result
from second_order import BOLTZMANN, HBAR, dagger

SCENARIO = HERE / "kinetic_corrections.yaml"
N_K, KT, SIGMA, A = 64, BOLTZMANN * 500, 0.012, 5.0
BRANCHES = ((0.16, 0.04), (0.06, 0.03))
FACTORS = (1, 0.5, 0.25)  # of g^2, in the runs
PERTURBATION = 1e-4 * np.array([[0, 1 - 0.5j], [1 + 0.5j, 0]])
STEADY = 2500  # fs that the run at full coupling takes to its stationary state


def chain(factor, kappa=1):
    """The chain with g^2 multiplied by `factor`, and its equilibrium."""
    kernel = second_order.phonon_kernel([(w, g * factor**0.5) for w, g in BRANCHES], KT, SIGMA)
    principal = second_order.principal_value(kernel, 0.7) if kappa else None
    c = second_order.Chain(second_order.rice_mele(0.15, 0.11, 0.03, A), N_K, A, [0, 2], kernel,
                           principal)
    return c, second_order.fermi_matrix(c.hamiltonian(c.k), 0.0, KT)


def energy_of(c, f):
    """Per cell, both spins."""
    return 2 * np.mean(np.real(np.einsum("kab,kba->k", c.hamiltonian(c.k), f)))


class Runs:
    def __init__(self, keldrift, folder):
        self.keldrift, self.folder, self.count = keldrift, Path(folder), 0

    def __call__(self, *changes):
        self.count += 1
        path = self.folder / f"run{self.count}.h5"
        words = [word for change in changes for word in ("--set", change)]
        subprocess.run([self.keldrift, "run", SCENARIO, "-o", path, "--quiet", "--threads", "1",
                        *words], check=True, capture_output=True)
        return Result(path)


def couplings(factor):
    return [f"collisions.terms.{i}.coupling={1e3 * g * factor**0.5} meV"
            for i, (_, g) in enumerate(BRANCHES)]


def energies_in_time(run, axis):
    c, equilibrium = chain(1)
    start = energy_of(c, equilibrium)
    final = energy_of(c, c.stationary(equilibrium)) - start
    for i, (label, changes) in enumerate((
            ("κ = 0", ["collisions.kinetic_corrections=false"]), ("κ = 1", []),
            ("κ = 1, C[f] − C[f$_{eq}$]", ["collisions.reference=equilibrium"]))):
        with run("propagation.duration=2500 fs", "output.every=5 fs", *changes) as result:
            time, energy = result.trace("time").values, result.trace("energy").values
        axis.semilogy(time, np.abs(energy - start), color=COLORS[i], label=label,
                      linestyle=("-", "-", "--")[i])
    axis.axhline(final, color="#4D4D4D", linewidth=0.8, linestyle=":", label="stationary (numpy)")
    axis.set_ylim(1e-8, 100)  # room for the legend
    axis.set_yticks([1e-8, 1e-6, 1e-4, 1e-2])
    axis.set_xlabel(axis_label("time", "fs"))
    axis.set_ylabel("energy above that of\nthe lattice temperature (eV)")
    axis.legend(loc="upper right")


def stationary_energies(run, axis):
    factors = 2.0**-np.arange(0, 7)
    line = []
    for factor in factors:
        c, equilibrium = chain(factor)
        line.append(energy_of(c, c.stationary(equilibrium)) - energy_of(c, equilibrium))
    axis.loglog(factors, line, color=COLORS[1], label="stationary f (numpy)")
    axis.loglog(factors, line[-1] / factors[-1] * factors, color="#7F7F7F", linestyle=":",
                label="∝ g$^2$")
    for factor in FACTORS:
        duration = STEADY / factor
        c, equilibrium = chain(factor, 0)
        with run("field=[]", f"propagation.duration={duration} fs", f"output.every={duration} fs",
                 *couplings(factor)) as result:
            energy = result.trace("energy").values[-1] - energy_of(c, equilibrium)
        near = line[int(np.flatnonzero(factors == factor)[0])]
        print(f"g^2 x {factor}: energy {energy:.6e} eV, numpy {near:.6e} eV")
        axis.loglog(factor, energy, "o", color=COLORS[0], label="keldrift" if factor == 1 else None)
    slope = np.log(line[-2] / line[-1]) / np.log(2)
    print(f"slope of the line: {slope:.4f} at its lower end")
    axis.set_xlabel("g$^2$ over that of the scenario")
    axis.set_ylabel("stationary energy above that of\nthe lattice temperature (eV)")
    axis.legend(loc="upper left")


def poles(run, factor):
    """(shift, decay) in eV of a small coherence on top of equilibrium. Its sign alternates over
    k, so that the coherences do not act on one another."""
    c, equilibrium = chain(factor, 0)
    with run("field=[]", "propagation.duration=1 fs", "collisions={}") as result:
        path, s = result.path, result.read("/model/eigenvector").values
        level = result.read("/model/energy").values
    matrix = dagger(s) @ np.broadcast_to(PERTURBATION, (N_K, 2, 2)) @ s
    matrix = matrix * (1 - np.eye(2)) * ((-1.0)**np.arange(N_K))[:, None, None]
    with h5py.File(path, "r+") as file:
        file["snapshots/f"][0] = equilibrium + s @ matrix @ dagger(s)
    initial = (f"initial={{kind: file, file: {path}, snapshot: 0, temperature: 500 K, "
               "chemical_potential: 0 eV}")
    rates = []
    for kappa in ("true", "false"):
        with run("field=[]", initial, "propagation.duration=60 fs", "propagation.rtol=1e-10",
                 "propagation.atol=1e-14", "output.snapshots.every=1 fs",
                 f"collisions.kinetic_corrections={kappa}", "collisions.reference=equilibrium",
                 *couplings(factor)) as result:
            time = result.read("/snapshots/time").values
            f = result.read("/snapshots/f").values
        coherence = (dagger(s) @ (f - equilibrium) @ s)[:, :, 0, 1]
        rotating = coherence * np.exp(-1j * (level[:, 1] - level[:, 0]) * time[:, None] / HBAR)
        phase = np.unwrap(np.angle(rotating), axis=0)
        rates.append((HBAR * np.polyfit(time, phase, 1)[0],
                      -HBAR * np.polyfit(time, np.log(np.abs(rotating)), 1)[0]))
    return rates[0][0] - rates[1][0], rates[1][1]


def coherences(run, axes):
    for i, factor in enumerate((1, 0.25)):
        c, equilibrium = chain(factor)
        want = c.coherence_poles(equilibrium)
        got = poles(run, factor)
        k = np.roll(c.k * A / np.pi, N_K // 2)
        k[:N_K // 2] -= 2
        name = "g$^2$" if factor == 1 else "g$^2$/4"
        for axis, line, points in zip(axes, want, got):
            axis.plot(k, 1e3 * np.roll(line, N_K // 2), color=COLORS[i], linewidth=1)
            axis.plot(k, 1e3 * np.roll(points, N_K // 2), "o", markersize=2.5, color=COLORS[i],
                      label=f"keldrift, {name}")
        for what, line, points in zip(("shift", "decay"), want, got):
            print(f"g^2 x {factor}: {what} up to {1e3 * np.max(np.abs(line)):.3f} meV, keldrift "
                  f"differs by up to {1e3 * np.max(np.abs(points - line)):.4f} meV")
    axes[0].plot([], [], color="#4D4D4D", linewidth=1, label="second order (numpy)")
    axes[0].legend(loc="lower center")
    axes[0].set_ylabel("shift of the energy of\nthe coherence (meV)")
    axes[1].set_ylabel("ħ × decay rate of\nthe coherence (meV)")
    axes[1].set_xlabel("k a/π")
    axes[0].tick_params(labelbottom=False)


def main():
    options = figure_options(__doc__, keldrift=dict(metavar="KELDRIFT", help="the program"))
    figure, axes = plt.subplots(2, 2, figsize=(7.4, 5.6))
    with tempfile.TemporaryDirectory() as folder:
        run = Runs(options.keldrift, folder)
        coherences(run, axes[:, 1])
        energies_in_time(run, axes[0, 0])
        stationary_energies(run, axes[1, 0])
    figure.align_ylabels(axes[:, 0])
    figure.align_ylabels(axes[:, 1])
    figure.suptitle(options.title or "Kinetic corrections: final states and level shifts")
    save_figure(figure, options.output or "kinetic_corrections", options)


if __name__ == "__main__":
    run_script(main)
