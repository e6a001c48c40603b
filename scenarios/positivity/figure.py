#!/usr/bin/python3
"""Draws the smallest eigenvalues of f and 1 - f, the population and the coherence of several runs.

    figure.py matrix.h5 causal.h5 diagonal.h5 lindblad.h5 [-o STEM]

Each result is one curve, under the name of its file.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt
from keldrift.figures import (COLORS, axis_label, figure_options, run_script, save_figure)
from keldrift.result import Result

STYLES = ("-", "--", ":", "-")
EIGENVALUES = ((0, 0, "min_f", "smallest eigenvalue of $f$"),
               (1, 0, "min_1mf", "smallest eigenvalue of $1 - f$"))


def build_figure(paths, title):
    figure, axes = plt.subplots(2, 2, figsize=(7.4, 4.8), sharex=True)
    for i, path in enumerate(paths):
        look = {"color": COLORS[i % len(COLORS)], "linestyle": STYLES[i % len(STYLES)]}
        with Result(path) as result:
            time = result.trace("time").values
            title = title or result.title
            for row, column, name, _ in EIGENVALUES:
                axes[row, column].plot(time, result.trace(name).values, label=Path(path).stem,
                                       **look)
            axes[0, 1].plot(time, result.trace("population").values[:, 1], **look)
            axes[1, 1].plot(time, result.trace("coherence").values[:, 0, 1], **look)
    for row, column, _, label in EIGENVALUES:
        axes[row, column].axhline(0, color="#BDBDBD", linewidth=0.8, zorder=0)
        axes[row, column].set_ylabel(label)
    axes[0, 1].set_ylabel("population of the upper band")
    axes[1, 1].set_ylabel("coherence")
    for axis in axes[:, 1]:
        axis.set_ylim(bottom=0)
    for axis in axes[1]:
        axis.set_xlabel(axis_label("time", "fs"))
    axes[0, 1].legend(*axes[0, 0].get_legend_handles_labels(), loc="lower right", handlelength=2.4)
    figure.suptitle(title)
    return figure


def main():
    options = figure_options(
        __doc__,
        results=dict(metavar="RESULT.h5", nargs="+", help="results of keldrift run"))
    save_figure(build_figure(options.results, options.title), options.output or "positivity",
                options)


if __name__ == "__main__":
    run_script(main)
