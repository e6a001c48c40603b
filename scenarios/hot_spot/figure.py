#!/usr/bin/python3
"""Draws how a hot spot spreads and cools, from 4 runs.

    figure.py KELDRIFT -o hot_spot

Left: the energy density above that of a run without hot spot. Middle: the density of carriers. Right: what is left of the energy, for
the hot spot, for one that is hardly hotter than the lattice, and for a uniform state that is hotter by as little. Prints the rates.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from keldrift.figures import (COLORS, figure_options, run_script, save_figure)  # noqa: E402
from keldrift.result import Result  # noqa: E402

SCENARIO = HERE / "hot_spot.yaml"
SHOWN = (0, 40, 100, 200, 400)  # fs
WEAK = 0.01


def run(keldrift, folder, name, *changes):
    path = Path(folder) / f"{name}.h5"
    words = [word for change in changes for word in ("--set", change)]
    subprocess.run([keldrift, "run", SCENARIO, "-o", path, "--quiet", *words], check=True,
                   capture_output=True)
    with Result(path) as result:
        return {name: result.read(name).values for name in (
            "/traces/time", "/traces/energy", "/traces/number", "/snapshots/time", "/grid/r",
            "/snapshots/density", "/snapshots/population_k", "/model/energy")}


def main():
    options = figure_options(__doc__, keldrift=dict(metavar="KELDRIFT", help="the program"))
    with tempfile.TemporaryDirectory() as folder:
        hot = run(options.keldrift, folder, "hot")
        weak = run(options.keldrift, folder, "weak",
                   f"initial.temperature_profile=1 + {WEAK}*exp(-x^2/(2*100^2))")
        # The excess, summed over R, obeys the linearized equation without R.
        even = run(options.keldrift, folder, "even", "initial.temperature_profile=1 + "
                   f"{WEAK}", "grid.r.points=[4]")
        cold = run(options.keldrift, folder, "cold", "initial.temperature_profile=1",
                   "grid.r.points=[4]")
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.8, 3.3), constrained_layout=True)
    x = hot["/grid/r"][:, 0]
    level = hot["/model/energy"].reshape(-1)
    population = hot["/snapshots/population_k"][..., 0]
    # Broadened impurities exchange a little energy: what is taken off is not quite at 600 K.
    plain = (cold["/snapshots/population_k"][..., 0] * level).mean(axis=(1, 2))
    per_length = 2 / 4.0 * 1000  # spin over lattice constant, meV
    profile = per_length * ((population * level).mean(axis=2) - plain[:, None])
    for i, t in enumerate(SHOWN):
        at = int(np.argmin(abs(hot["/snapshots/time"] - t)))
        color = plt.cm.cividis(i / len(SHOWN))
        left.plot(x, profile[at], color=color, label=f"{t} fs")
        n = hot["/snapshots/density"][at]
        middle.plot(x, 100 * (n / hot["/snapshots/density"][0, 0] - 1), color=color, label=f"{t} fs")
    for color, (name, run_of) in zip(COLORS, (("up to 1800 K", hot), ("up to 606 K", weak),
                                              ("606 K everywhere", even))):
        time, energy = run_of["/traces/time"], run_of["/traces/energy"]
        rest = energy - cold["/traces/energy"]
        rest /= rest[0]
        style = "--" if name.startswith("606") else "-"
        right.semilogy(time, rest, style, color=color, label=name)
        ratios = [f"{t} fs {np.interp(t, time, rest):.5f}" for t in (50, 100, 200, 300)]
        rate = -np.gradient(np.log(rest), time)
        print(f"{name}: left at {', '.join(ratios)}; rate at 20, 200 fs "
              f"{np.interp(20, time, rate):.5f}, {np.interp(200, time, rate):.5f} 1/fs; number "
              f"drift {abs(run_of['/traces/number'] / run_of['/traces/number'][0] - 1).max():.1e}")
    left.set_ylabel("excess energy (meV/Å)")
    middle.set_ylabel("change of density (%)")
    right.set_ylabel("excess energy over that at the start")
    right.set_xlabel("time (fs)")
    right.set_ylim(1e-3, 1.2)
    right.legend(fontsize=7, loc="lower left")
    for axes in (left, middle):
        axes.set_xlabel("$x$ (Å)")
        axes.set_xlim(-700, 700)
        axes.legend(fontsize=7)
    figure.suptitle(options.title or "A hot spot in a chain")
    save_figure(figure, options.output or "hot_spot", options)


if __name__ == "__main__":
    run_script(main)
