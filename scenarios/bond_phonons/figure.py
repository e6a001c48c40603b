#!/usr/bin/python3
"""Compares two runs, by their current, matrix elements and populations, and with the golden rule.

    figure.py bond.h5 onsite.h5 [-o STEM]

The first result is one with vertex: bond, the second one with vertex: onsite; all else is that of
bond_phonons.yaml. Prints the rate of change of the intraband current at 100 fs: as the trace has it,
and by the golden rule for the populations of that snapshot,

    df_nk/dt = (1/hbar N_k) sum_k'm sum_a |<nk|M_a(k,k')|mk'>|^2
               [K^<(e - e') f' (1 - f) - K^>(e - e') (1 - f') f],

from /model/energy and /model/eigenvector alone, with M(k,k') = |0><1| e^{ik'R} + h.c. for the bonds
R = 0 and R = -a, and the projectors on the orbitals for onsite phonons.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt
import numpy as np
from keldrift.figures import (COLORS, DIVERGING_MAP, axis_label, decimal_exponent, figure_options,
                              run_script, save_figure)
from keldrift.result import HBAR_EV_FS, Result, nan_max

LATTICE_CONSTANT = 5.0  # angstrom
PHONON, SIGMA = 0.04, 0.006  # eV
COUPLING = {"bond": 0.0212132, "onsite": 0.03}  # eV
KT = 8.617333262e-5 * 300  # eV
FERMI_MOMENTUM = 0.8 * np.pi / LATTICE_CONSTANT  # 0.2 electrons in the upper band
AT = 100.0  # fs


def weights(result, vertex):
    """sum_a |<nk|M_a|mk'>|^2 as [k, n, k', m]."""
    s = result.read("/model/eigenvector").values  # [k, orbital, band]
    k = result.read("/grid/k").values[:, 0]
    total = np.zeros((len(k), 2, len(k), 2))
    for place in (0.0, -LATTICE_CONSTANT) if vertex == "bond" else (0, 1):
        if vertex == "bond":
            there = np.conj(s[:, 0, :])[:, :, None, None] * (
                s[:, 1, :] * np.exp(1j * k * place)[:, None])[None, None]
            back = (np.conj(s[:, 1, :]) * np.exp(-1j * k * place)[:, None])[
                :, :, None, None] * s[:, 0, :][None, None]
            element = there + back
        else:
            element = np.conj(s[:, place, :])[:, :, None, None] * s[:, place, :][None, None]
        total += np.abs(element)**2
    return total


def kernel(x):
    """K^<(x)/g^2, the phonon line as it is broadened by default; K^>(x) = K^<(-x)."""
    lines = np.exp(-0.5 * ((x - PHONON) / SIGMA)**2) - np.exp(-0.5 * ((x + PHONON) / SIGMA)**2)
    near = np.abs(x) < 1e-9
    limit = 2 * PHONON * KT / SIGMA**2 * np.exp(-0.5 * (PHONON / SIGMA)**2)
    shape = np.where(near, limit, lines / np.where(near, 1, np.expm1(x / KT)))
    return np.sqrt(2 * np.pi) / SIGMA * shape


def golden_rule(result, vertex, frame):
    """dJ/dt from the populations of a snapshot."""
    energy = result.read("/model/energy").values
    s, velocity = result.read("/model/eigenvector").values, result.read("/model/velocity").values
    population = result.read("/snapshots/population_k", frame).values
    x = energy[:, :, None, None] - energy[None, None]
    here, there = population[:, :, None, None], population[None, None]
    change = COUPLING[vertex]**2 / (HBAR_EV_FS * len(energy)) * np.sum(
        weights(result, vertex) * (kernel(x) * there * (1 - here)
                                   - kernel(-x) * (1 - there) * here),
        axis=(2, 3))
    v = np.einsum("kan,kab,kbn->kn", np.conj(s), velocity[:, 0], s).real
    return -2 * np.sum(v * change) / len(energy)


def compare(result, vertex):
    """Prints dJ/dt at the time AT and the decay time that goes with it."""
    snapshot = int(np.argmin(np.abs(result.read("/snapshots/time").values - AT)))
    time = result.trace("time").values
    current = result.trace("current_intra").values[:, 0]
    frame = int(np.argmin(np.abs(time - AT)))
    step = time[1] - time[0]
    slope = (8 * (current[frame + 1] - current[frame - 1])
             - (current[frame + 2] - current[frame - 2])) / (12 * step)
    want = golden_rule(result, vertex, snapshot)
    print(f"{vertex}: dJ/dt at {AT:g} fs: trace {slope:.6e}, golden rule {want:.6e} "
          f"e angstrom/fs^2; decay time -J/(dJ/dt): {-current[frame] / slope:.1f} fs")


def draw_map(figure, axis, result, title, limit):
    time = result.read("/snapshots/time").values
    population = result.read("/snapshots/population_k").values[..., 1]
    k = result.read("/grid/k").values[:, 0]
    change = population - population[0]
    exponent = decimal_exponent(limit)
    # The upper band is filled around the edge of the zone, which is in the middle of the grid.
    mesh = axis.pcolormesh(k, time, change / 10.0**exponent, shading="nearest", cmap=DIVERGING_MAP,
                           vmin=-limit / 10.0**exponent, vmax=limit / 10.0**exponent,
                           rasterized=True)
    axis.set_xlim(0.6 * np.pi / LATTICE_CONSTANT, 1.4 * np.pi / LATTICE_CONSTANT)
    axis.set_title(title)
    axis.set_xlabel(axis_label("$k$", "1/angstrom"))
    axis.set_ylabel(axis_label("time", "fs"))
    bar = figure.colorbar(mesh, ax=axis,
                          label=axis_label("population change,\nupper band", "1", exponent))
    bar.outline.set_linewidth(0.8)


def build_figure(results, title):
    figure, axes = plt.subplots(2, 2, figsize=(7.4, 5.4))
    maps, limit = [], 0.0
    for color, (vertex, result) in zip(COLORS, results.items()):
        time, current = result.trace("time").values, result.trace("current")
        axes[0, 0].semilogy(time, np.abs(current.values[:, 0]), color=color, label=vertex)
        k = result.read("/grid/k").values[:, 0]
        start = int(np.argmin(np.abs(k - FERMI_MOMENTUM)))
        scale = COUPLING[vertex]**2 / COUPLING["onsite"]**2
        axes[0, 1].plot(k, scale * weights(result, vertex)[:, 1, start, 1], color=color)
        population = result.read("/snapshots/population_k").values[..., 1]
        limit = max(limit, nan_max(population - population[0]))
        maps.append((vertex, result))
    axes[0, 0].set_ylim(5e-3, 0.2)
    axes[0, 0].set_xlabel(axis_label("time", "fs"))
    axes[0, 0].set_ylabel(axis_label("current", current.unit))
    axes[0, 0].legend()
    axes[0, 1].axvline(FERMI_MOMENTUM, color="#7F7F7F", linewidth=0.8, linestyle="--")
    axes[0, 1].annotate("from here", (FERMI_MOMENTUM, 0.97), xytext=(-4, 0), ha="right", va="top",
                        textcoords="offset points", xycoords=("data", "axes fraction"))
    backward = 2 * np.pi / LATTICE_CONSTANT - FERMI_MOMENTUM
    axes[0, 1].axvline(backward, color="#7F7F7F", linewidth=0.8, linestyle=":")
    axes[0, 1].annotate("backward", (backward, 0.97), xytext=(4, 0), ha="left", va="top",
                        textcoords="offset points", xycoords=("data", "axes fraction"))
    axes[0, 1].set_ylim(0, 1.2)
    axes[0, 1].set_xlabel(axis_label("$k'$", "1/angstrom"))
    axes[0, 1].set_ylabel(r"$g^2\,\Sigma_a |\langle k'|M_a|k\rangle|^2\,/\,g^2_\mathrm{onsite}$")
    for axis, (vertex, result) in zip(axes[1], maps):
        draw_map(figure, axis, result, f"{vertex} phonons", limit)
    figure.suptitle(title or results["bond"].title)
    return figure


def main():
    options = figure_options(__doc__, bond=dict(metavar="BOND.h5", help="result with vertex: bond"),
                             onsite=dict(metavar="ONSITE.h5", help="result with vertex: onsite"))
    with Result(options.bond) as bond, Result(options.onsite) as onsite:
        results = {"bond": bond, "onsite": onsite}
        for vertex, result in results.items():
            compare(result, vertex)
        save_figure(build_figure(results, options.title), options.output or "bond_phonons", options)


if __name__ == "__main__":
    run_script(main)
