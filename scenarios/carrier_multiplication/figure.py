#!/usr/bin/python3
"""Draws electrons above the gap and holes below it against time, and where they are.

    figure.py RESULT.h5 [-o STEM]

Left: particles in the upper and holes in the lower band. Right: occupations at three times against the
energy, a point per k and band.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
from keldrift.figures import COLORS, figure_options, run_script, save_figure  # noqa: E402
from keldrift.result import Result  # noqa: E402


def build_figure(path, title):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.3))
    with Result(path) as result:
        title = title or result.title
        time = result.trace("time").values
        population = result.trace("population").values
        frames = result.read("/snapshots/time").values
        energy = result.read("/model/energy").values.ravel()
        occupation = result.read("/snapshots/population_k").values.reshape(len(frames), -1)
    left.plot(time, population[:, 1], color=COLORS[0], label="electrons above the gap")
    left.plot(time, 1 - population[:, 0], "--", color=COLORS[1], label="holes below")
    left.set_ylim(bottom=0)
    left.set_xlabel("time (ħ/$t$)")
    left.set_ylabel("carriers per cell and spin")
    left.legend(loc="center right")
    for i, color in zip((0, len(frames) // 6, len(frames) - 1), COLORS):
        right.plot(energy, occupation[i], ".", markersize=4, color=color,
                   label=f"t = {frames[i]:g}")
    right.set_xlabel("energy ($t$)")
    right.set_ylabel("occupation")
    right.legend()
    figure.suptitle(title)
    return figure


def main():
    options = figure_options(
        __doc__,
        result=dict(metavar="RESULT.h5", help="result of keldrift run"))
    save_figure(build_figure(options.result, options.title),
                options.output or "carrier_multiplication", options)


if __name__ == "__main__":
    run_script(main)
