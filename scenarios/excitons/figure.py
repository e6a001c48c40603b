#!/usr/bin/python3
"""Draws the conductivity with and without the mean field, and where a pair should absorb.

    figure.py excitons.h5 free.h5 [-o STEM]

The second result is that of the same scenario with --set 'collisions.terms=[]'. The levels of a pair are the
eigenvalues of the linear response of the filled band, from /model/energy and /model/eigenvector alone: with
x = <c|df|v> and V(q) = U q0^2/(q^2 + q0^2),

    hbar omega x(k) = [e_c - e_v](k) x(k) - (1/N) sum_k' V(k - k') [<c|c'><v'|v> x(k') + <c|v'><c'|v> y(k')],

y = <v|df|c>, for which omega is the negative. Prints the lowest one, and the largest Re sigma of both runs.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt
import numpy as np
from keldrift.figures import (COLORS, add_figure_options, apply_style, axis_label,
                              check_figure_options, legend_above, run_script, save_figure)
from keldrift.result import Result
from keldrift.spectra import conductivity

LATTICE_CONSTANT, STRENGTH, SCALE = 5.0, 2.0, 0.2  # angstrom, eV, 1/angstrom
WIDTH, TOP = 0.03, 4.0  # eV
EXPONENT = -13  # of the scale of sigma in S m


def pair_levels(result):
    """Positive eigenvalues, ascending, and the smallest difference of the bands."""
    energy, s = result.read("/model/energy").values, result.read("/model/eigenvector").values
    k = result.read("/grid/k").values[:, 0]
    zone = 2 * np.pi / LATTICE_CONSTANT
    q = (k[:, None] - k + zone / 2) % zone - zone / 2
    v = STRENGTH * SCALE**2 / (q**2 + SCALE**2) / len(k)
    low, high = s[:, :, 0], s[:, :, 1]
    direct = (np.conj(high) @ high.T) * np.conj(np.conj(low) @ low.T)
    cross = (np.conj(high) @ low.T) * np.conj(np.conj(low) @ high.T)
    gaps = energy[:, 1] - energy[:, 0]
    a, b = np.diag(gaps) - v * direct, -v * cross
    levels = np.sort(np.linalg.eigvals(np.block([[a, b], [-b.conj(), -a.conj()]])).real)
    return levels[levels > 0], gaps.min()


def build_figure(bound, free, title):
    levels, gap = pair_levels(bound)
    sigma = [conductivity(result, width=WIDTH, max_energy=TOP) for result in (bound, free)]
    for name, values in zip(("with the mean field", "without"), sigma):
        top = int(np.argmax(values.values[0].real))
        print(f"{name}: largest Re sigma {values.values[0].real[top]:.4g} {values.units} at "
              f"{values.energy.values[top]:.4f} eV")
    print(f"lowest pair {levels[0]:.6f} eV, gap {gap:.6f} eV, binding energy {gap - levels[0]:.6f} eV")
    figure, axes = plt.subplots(figsize=(5.6, 3.4))
    curves = [axes.semilogy(values.energy.values, values.values[0].real / 10.0**EXPONENT, color=color,
                            label=name)[0]
              for values, color, name in zip(sigma, COLORS, ("electrons and holes attract", "free"))]
    for place, text, side in ((levels[0], "lowest pair", -1), (gap, "gap", 1)):
        axes.axvline(place, color="#7F7F7F", linewidth=0.8, linestyle="--")
        axes.annotate(text, (place, 0.96), xytext=(4 * side, 0), textcoords="offset points",
                      xycoords=("data", "axes fraction"), va="top", ha="left" if side > 0 else "right")
    axes.set_xlim(0.5, TOP)
    axes.set_ylim(1e-3, 20)
    axes.set_xlabel(axis_label("photon energy", "eV"))
    axes.set_ylabel(axis_label(r"Re $\sigma$", sigma[0].units, EXPONENT))
    legend_above(axes, curves, 4.6)
    figure.suptitle(title or bound.title)
    return figure


def main():
    parser = argparse.ArgumentParser(prog="figure.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bound", metavar="EXCITONS.h5", help="result of excitons.yaml")
    parser.add_argument("free", metavar="FREE.h5", help="result with --set 'collisions.terms=[]'")
    add_figure_options(parser)
    options = parser.parse_args()
    check_figure_options(options)
    apply_style()
    with Result(options.bound) as bound, Result(options.free) as free:
        save_figure(build_figure(bound, free, options.title), options.output or "excitons", options)


if __name__ == "__main__":
    run_script(main)
