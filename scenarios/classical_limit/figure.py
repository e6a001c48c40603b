#!/usr/bin/python3
"""Draws how the quantum motion in a quartic well becomes the classical one, from 9 runs.

    figure.py KELDRIFT -o classical_limit

Top: the phase-space density f/(2 pi hbar) over R and p = hbar k at the end, for two values of hbar
and without quantum corrections (drift: gradient), with a ring of points moved along Hamilton's
trajectories. Bottom: the distance int dR dk/2pi |f - f_classical| against hbar.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import matplotlib.pyplot as plt
import numpy as np
from keldrift.figures import (COLORS, DIVERGING_MAP, figure_options, run_script, save_figure)
from keldrift.result import Result

SCENARIO = HERE / "classical_limit.yaml"
CENTER, SPREAD_R, SPREAD_P = 1.5, 0.3, 0.3
HBARS = (0.16, 0.113, 0.08, 0.0566, 0.04, 0.0283, 0.02, 0.01)
SHOWN = (0.16, 0.04)
TIMES = (3, 6, 9)
POINTS = 240  # a spiral without quantum corrections has finer arms


def run(keldrift, folder, hbar, drift):
    """f/(2 pi hbar) over R and p [time, R, p] at TIMES, with the points of R and p."""
    path = Path(folder) / f"{drift}{hbar}.h5"
    subprocess.run([keldrift, "run", SCENARIO, "-o", path, "--quiet", "--threads", "1",
                    "--set", f"hbar={hbar}", "--set", f"model.k_max={4 / hbar}",
                    "--set", f"drift={drift}", "--set", f"propagation.duration={TIMES[-1]}",
                    "--set", f"grid.k=[{POINTS}]", "--set", f"grid.r.points=[{POINTS}]"],
                   check=True, capture_output=True)
    with Result(path) as result:
        time = result.read("/snapshots/time").values
        at = [int(np.argmin(np.abs(time - t))) for t in TIMES]
        f = result.read("/snapshots/population_k").values[at, :, :, 0] / (2 * np.pi * hbar)
        return (f, result.read("/grid/r").values[:, 0], hbar * result.read("/grid/k").values[:, 0])


def hamilton(r, p, time, steps=1200):
    """Points moved in R^4/20 by the leapfrog method; backward for time < 0."""
    h = time / steps
    for _ in range(steps):
        r = r + 0.5 * h * p
        p = p - h * 0.2 * r**3
        r = r + 0.5 * h * p
    return r, p


def cloud(r, p):
    return np.exp(-(r - CENTER)**2 / (2 * SPREAD_R**2) - p**2 / (2 * SPREAD_P**2)) / (
        2 * np.pi * SPREAD_R * SPREAD_P)


def main():
    options = figure_options(__doc__, keldrift=dict(metavar="KELDRIFT", help="the program"))
    figure = plt.figure(figsize=(7.4, 5.6))
    grid = figure.add_gridspec(2, 3, height_ratios=[1, 1.05])
    panels = [figure.add_subplot(grid[0, i]) for i in range(3)]
    below = figure.add_subplot(grid[1, :])
    shown, distances = {}, []
    with tempfile.TemporaryDirectory() as folder:
        classical, r, p = run(options.keldrift, folder, 0.08, "gradient")
        cell = (r[1] - r[0]) * (p[1] - p[0])
        for i, t in enumerate(TIMES):
            # Liouville's equation: f is that of the point where the trajectory began.
            exact = cloud(*hamilton(r[:, None], p[None, :], -t))
            print(f"gradient at t = {t}: distance from Hamilton trajectories "
                  f"{cell * np.abs(classical[i] - exact).sum():.1e}")
        for hbar in HBARS:
            f = run(options.keldrift, folder, hbar, "moyal")[0]
            distances.append(cell * np.abs(f - classical).sum(axis=(1, 2)))
            print(f"hbar = {hbar}: distance at t = "
                  + ", ".join(f"{t}: {d:.3e}" for t, d in zip(TIMES, distances[-1]))
                  + f"; least f over largest {f[-1].min() / f[-1].max():.3f}")
            if hbar in SHOWN:
                shown[f"ħ = {hbar:g}"] = f[-1]
    distances = np.array(distances)
    for i, t in enumerate(TIMES):
        slopes = np.diff(np.log(distances[:, i])) / np.diff(np.log(HBARS))
        print(f"t = {t}: slopes {', '.join(f'{s:.3f}' for s in slopes)}")
    shown["classical (drift: gradient)"] = classical[-1]

    angle = np.linspace(0, 2 * np.pi, 400)
    ring = hamilton(CENTER + 2 * SPREAD_R * np.cos(angle), 2 * SPREAD_P * np.sin(angle), TIMES[-1])
    limit = max(np.abs(f).max() for f in shown.values())
    half_r, half_p = (r[1] - r[0]) / 2, (p[1] - p[0]) / 2
    for axes, (title, f) in zip(panels, shown.items()):
        image = axes.imshow(f.T, origin="lower", aspect="auto", cmap=DIVERGING_MAP, vmin=-limit,
                            vmax=limit, extent=(r[0] - half_r, r[-1] + half_r, p[0] - half_p,
                                                p[-1] + half_p))
        axes.plot(*ring, color="black", linewidth=0.5)
        axes.set_xlim(-2.9, 2.9)
        axes.set_ylim(-1.6, 1.6)
        axes.set_title(title)
        axes.set_xlabel("$R$")
        for side in ("top", "right"):
            axes.spines[side].set_visible(True)
    panels[0].set_ylabel("$p = ħk$")
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    bar = figure.colorbar(image, ax=panels, label="$f/2πħ$", pad=0.015)
    bar.outline.set_linewidth(0.8)

    for i, t in enumerate(TIMES):
        below.loglog(HBARS, distances[:, i], "o", color=COLORS[i], label=f"$t$ = {t}")
        below.loglog(HBARS, distances[-1, i] * (np.array(HBARS) / HBARS[-1])**2, color=COLORS[i],
                     linewidth=0.8)
    below.plot([], [], color="#4D4D4D", linewidth=0.8, label="∝ ħ$^2$")
    below.set_xlabel("ħ")
    below.set_ylabel("distance from\nthe classical state")
    below.legend(loc="upper left", ncol=4)
    figure.suptitle(options.title or "Quantum and classical motion in a quartic well")
    save_figure(figure, options.output or "classical_limit", options)


if __name__ == "__main__":
    run_script(main)
