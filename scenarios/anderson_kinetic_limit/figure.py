#!/usr/bin/python3
"""Draws the averaged Schroedinger evolution of averages.json beside the kinetic equation.

    figure.py RESULT.h5 -o anderson_kinetic_limit

RESULT.h5 is a run of anderson_kinetic_limit.yaml. In eps t and eps x the kinetic equation does not depend on eps, so that one run is
compared with all. Left: the momentum distribution of the Schroedinger equation at the end, and the shell of the energy of the packet.
Middle: the mean velocity. Right: the largest and the late (mean over eps t > 2) distance from the kinetic equation.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from keldrift.figures import (COLORS, SEQUENTIAL_MAP, figure_options, run_script,  # noqa: E402
                              save_figure)
from keldrift.result import Result  # noqa: E402

RUN_EPS = 0.125
LATE = 2.0


def main():
    options = figure_options(__doc__, result=dict(metavar="RESULT.h5", type=Path))
    averages = json.loads((HERE / "averages.json").read_text(encoding="utf-8"))
    scaled = np.array(averages["scaled_time"])
    with Result(options.result) as result:
        time = RUN_EPS * result.read("/traces/time").values
        velocity = -result.read("/traces/current").values[:, 0]
        at = RUN_EPS * result.read("/snapshots/time").values
        x = result.read("/grid/r").values[:, 0]
        n = result.read("/snapshots/density").values
    square = n @ x**2 / n.sum(axis=1)
    square = RUN_EPS**2 * (square - square[0])
    want = np.interp(scaled, time, velocity)
    want_square = np.interp(scaled, at, square)

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.8, 3.3), constrained_layout=True)
    cells = np.array(averages["momentum_distribution"])
    image = left.imshow(cells.T, origin="lower", extent=(-np.pi, np.pi, -np.pi, np.pi),
                        cmap=SEQUENTIAL_MAP)
    figure.colorbar(image, ax=left, label="$n(k)$ over its mean")
    k = np.linspace(-np.pi, np.pi, 300)
    left.contour(k, k, -2 * np.cos(k)[:, None] - 2 * np.cos(k), levels=[-2], colors="white",
                 linewidths=0.8)
    left.plot([np.pi / 2], [0], "+", color="white")
    left.set_xlabel("$k_x a$")
    left.set_ylabel("$k_y a$")
    left.set_title(f"Schrödinger, ε = {averages['eps'][-1]:g}, ε$t$ = {scaled[-1]:g}")
    middle.plot(time, velocity, color="black", linewidth=1, label="kinetic equation")
    late = scaled > LATE
    table = {"largest, velocity": [], "late, velocity": [], "late, spread": []}
    for i, eps in enumerate(averages["eps"]):
        v, error = np.array(averages["velocity"][i]), np.array(averages["velocity_error"][i])
        s = eps**2 * (np.array(averages["square"][i]) - averages["square"][i][0])
        s_error = eps**2 * np.array(averages["square_error"][i])
        middle.errorbar(scaled, v, yerr=error, fmt="o", markersize=2.5, linewidth=0.8,
                        color=COLORS[i], label=f"ε = {eps:g}")
        table["largest, velocity"].append((abs(v - want).max() / velocity[0], error.max() / velocity[0]))
        table["late, velocity"].append((abs((v - want)[late].mean()) / velocity[0],
                                        error[late].max() / velocity[0]))
        table["late, spread"].append((abs((s / want_square.clip(1e-12) - 1)[late].mean()),
                                      (s_error / want_square.clip(1e-12))[late].max()))
        print(f"eps = {eps:g}: " + ", ".join(f"{name} {row[-1][0]:.4f} +- {row[-1][1]:.4f}"
                                           for name, row in table.items()))
    for color, marker, (name, row) in zip(("#4D4D4D", "#0072B2", "#D55E00"), "so^", table.items()):
        values = np.array(row)
        right.errorbar(averages["eps"], values[:, 0], yerr=values[:, 1], fmt=marker + "-", color=color,
                       markersize=4, linewidth=0.8, label=name)
    right.set_xscale("log", base=2)
    right.set_yscale("log")
    e = np.array(averages["eps"])
    right.plot(e, 0.022 * e, color="black", linewidth=0.8, linestyle="--", label="∝ ε")
    right.set_xticks(e, [f"{v:g}" for v in e])
    right.set_xlabel("ε")
    right.set_ylabel("distance, relative")
    right.legend(fontsize=7)
    middle.set_yscale("log")
    middle.set_ylim(0.008, 2.4)
    middle.set_xlabel("ε$t$ ($ħ/J$)")
    middle.set_ylabel(r"$\langle v_x\rangle$ ($Ja/ħ$)")
    middle.legend(fontsize=7)
    figure.suptitle(options.title or "The Anderson model and its Boltzmann equation")
    save_figure(figure, options.output or "anderson_kinetic_limit", options)


if __name__ == "__main__":
    run_script(main)
