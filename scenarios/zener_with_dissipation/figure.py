#!/usr/bin/python3
"""Draws Zener tunneling for several couplings to the phonons, from 16 runs of keldrift.

    figure.py KELDRIFT -o zener_with_dissipation

Left: population of the upper band and current against time. Right: the population after one Bloch
period against the coupling, which tends to the formula of Landau and Zener; the stationary current.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import matplotlib.pyplot as plt
import numpy as np
from keldrift.figures import (COLORS, axis_label, figure_options, run_script, save_figure)
from keldrift.result import HBAR_EV_FS, Result

SCENARIO = HERE / "zener_with_dissipation.yaml"
T1, T2, A, FORCE = 0.27, 0.23, 5.0, 0.003308  # eV, eV, angstrom, eV/angstrom
BLOCH_PERIOD = 2 * np.pi * HBAR_EV_FS / (FORCE * A)
LANDAU_ZENER = np.exp(-np.pi * (T1 - T2)**2 / (A * np.sqrt(T1 * T2) * FORCE))
SHOWN = (0, 10, 20, 40, 80)  # meV
WEAK = (0, 5, 10, 15, 20)
STATIONARY = ((30, 8), (40, 6), (60, 4), (80, 4), (120, 3), (160, 3))  # meV, Bloch periods


def run(keldrift, folder, coupling, periods, *changes):
    path = Path(folder) / f"g{coupling}_{periods}.h5"
    bath = ["collisions={}"] if coupling == 0 else [f"collisions.terms.0.coupling={coupling} meV"]
    words = [word for change in bath + [f"propagation.duration={periods * BLOCH_PERIOD} fs",
                                        *changes] for word in ("--set", change)]
    subprocess.run([keldrift, "run", SCENARIO, "-o", path, "--quiet", "--threads", "1", *words],
                   check=True, capture_output=True)
    with Result(path) as result:
        return (result.trace("time").values / BLOCH_PERIOD,
                result.trace("population").values[:, 1], result.trace("current").values[:, 0])


def main():
    options = figure_options(__doc__, keldrift=dict(metavar="KELDRIFT", help="the program"))
    figure, axes = plt.subplots(2, 2, figsize=(7.4, 5.4), width_ratios=[1.35, 1])
    with tempfile.TemporaryDirectory() as folder:
        for i, coupling in enumerate(SHOWN):
            time, upper, current = run(options.keldrift, folder, coupling, 8)
            label = f"g = {coupling} meV" if coupling else "no phonons"
            axes[0, 0].plot(time, upper, color=COLORS[i], linewidth=1.2, label=label)
            axes[1, 0].plot(time, current, color=COLORS[i], linewidth=1.2)
            print(f"g = {coupling} meV: last population {upper[-1]:.5f}, current {current[-1]:.5f}")
        axes[0, 0].plot([0, 1], [0, LANDAU_ZENER], color="#4D4D4D", linestyle="--", linewidth=1,
                        label="Landau–Zener, P t/T$_B$")
        axes[0, 0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=3)

        after = []
        for coupling in WEAK:
            after.append(run(options.keldrift, folder, coupling, 1)[1][-1])
            print(f"g = {coupling} meV: population after T_B {after[-1]:.6f}")
        squares = np.array(WEAK)**2
        axes[0, 1].plot(squares, after, "o", color=COLORS[0], label="keldrift")
        axes[0, 1].axhline(LANDAU_ZENER, color="#4D4D4D", linestyle="--", linewidth=1,
                           label="Landau–Zener, P")
        slope = (after[1] - after[0]) / squares[1]
        axes[0, 1].plot(squares, after[0] + slope * squares, color=COLORS[0], linewidth=0.8,
                        label="first order in g$^2$")
        axes[0, 1].legend(loc="lower left")

        currents = []
        for coupling, periods in STATIONARY:
            time, upper, current = run(options.keldrift, folder, coupling, periods,
                                       f"output.every={BLOCH_PERIOD / 4} fs")
            currents.append(current[-1])
            print(f"g = {coupling} meV: after {periods} T_B population {upper[-1]:.5f}, current "
                  f"{current[-1]:.5f}, change in the last quarter period "
                  f"{current[-1] - current[-2]:.1e}")
        axes[1, 1].plot([g for g, _ in STATIONARY], np.abs(currents), "o-", color=COLORS[0],
                        linewidth=0.8)
        axes[1, 1].set_xlim(0, 170)
        axes[1, 1].set_ylim(0, None)
    print(f"Landau-Zener {LANDAU_ZENER:.6f}, Bloch period {BLOCH_PERIOD:.4f} fs")
    axes[0, 0].set_ylabel("population of\nthe upper band")
    axes[0, 0].set_ylim(-0.02, 1.02)
    axes[0, 0].tick_params(labelbottom=False)
    axes[1, 0].set_ylabel(axis_label("current", "e angstrom/fs", separator="\n"))
    axes[1, 0].set_xlabel("time / T$_B$")
    axes[0, 1].set_ylabel("population after T$_B$")
    axes[0, 1].set_xlabel("g$^2$ (meV$^2$)")
    axes[1, 1].set_ylabel(axis_label("|stationary current|", "e angstrom/fs", separator="\n"))
    axes[1, 1].set_xlabel("g (meV)")
    figure.suptitle(options.title or "Zener tunneling and Bloch oscillations with phonons")
    save_figure(figure, options.output or "zener_with_dissipation", options)


if __name__ == "__main__":
    run_script(main)
