#!/usr/bin/python3
"""Draws the current, and the momenta of electrons and phonons, of several runs against time.

    figure.py held.h5 relaxing.h5 dragged.h5 [-o STEM]

The right panel is of the last one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
from keldrift.figures import (COLORS, axis_label, figure_options, run_script,  # noqa: E402
                              save_figure)
from keldrift.result import Result  # noqa: E402

HBAR = 0.6582119569  # eV fs
VELOCITY = 2 * 3.809982116 / 0.067 / HBAR  # hbar/m, angstrom^2/fs
NAMES = ("phonons held", "relaxing in 500 fs", "left to themselves")


def build_figure(paths, title):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.1))
    for path, color, name in zip(paths, COLORS, NAMES):
        with Result(path) as result:
            time = result.trace("time").values[1:] / 1000
            current = result.trace("current").values[1:, 0]
            phonons = result.trace("phonon_momentum").values[1:, 0, 0]
            title = title or result.title
        electrons = -current / VELOCITY  # charge -1
        scale = electrons[0] + phonons[0]  # nothing has relaxed at the first frame
        left.plot(time, electrons / scale, color=color, label=name)
    right.plot(time, electrons / scale, color=COLORS[3], label="electrons")
    right.plot(time, phonons / scale, color=COLORS[4], label="phonons")
    right.plot(time, (electrons + phonons) / scale, "--", color="0.3", label="sum")
    left.set_ylabel("current over that after the kick")
    left.set_ylim(0, 1.05)
    right.set_ylabel("momentum over that after the kick")
    right.set_ylim(0, 1.2)
    for axis in (left, right):
        axis.set_xlabel(axis_label("time", "ps"))
    left.legend(loc="upper right", fontsize=8)
    right.legend(loc="upper right", fontsize=8, ncol=3, handlelength=1.2, columnspacing=0.8)
    figure.suptitle(title)
    return figure


def main():
    options = figure_options(
        __doc__,
        results=dict(metavar="RESULT.h5", nargs=3, help="results of keldrift run"))
    save_figure(build_figure(options.results, options.title), options.output or "phonon_drag",
                options)


if __name__ == "__main__":
    run_script(main)
