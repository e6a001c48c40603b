#!/usr/bin/python3
"""Draws several results of one scenario into one figure, each curve under the name of its file.

    compare.py matrix.h5 rta.h5 ... -o FIGURE
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt
import numpy as np
from keldrift.figures import (COLORS, axis_label, decimal_exponent, figure_options, run_script,
                              save_figure)
from keldrift.result import Result, nan_max

STYLES = ("-", "--", "-", "-", "-", ":", "-.", "--")


def curves(result):
    """(name, unit, values) of the panels in their order."""
    read = result.trace
    population, energy, number = read("population"), read("energy"), read("number")
    return [("field", "MV/cm", 100 * read("field").values[:, 0]),
            ("population of\nthe upper band", "1", population.values[:, -1]),
            ("coherence", "1", read("coherence").values[:, 0, 1]),
            ("current", read("current").unit, read("current").values[:, 0]),
            ("energy gained", energy.unit, energy.values - energy.values[0]),
            ("electrons gained", "1", number.values - number.values[0]),
            ("smallest eigenvalue\nof f and of 1 − f", "1",
             np.minimum(read("min_f").values, read("min_1mf").values))]


def build_figure(paths, title):
    figure, axes = plt.subplots(4, 2, figsize=(7.4, 7.2), sharex=True)
    axes = axes.ravel()
    drawn = []
    for path in paths:
        with Result(path) as result:
            time = result.trace("time").values
            drawn.append((Path(path).stem, time, curves(result)))
            title = title or result.title
    order = [0, 2, 3, 4, 5, 6, 7]
    for panel, axis in enumerate(axes[order]):
        name, unit, _ = drawn[0][2][panel]
        is_eigenvalue = panel == 6
        exponent = 0 if is_eigenvalue else decimal_exponent(
            max(nan_max(panels[panel][2]) for _, _, panels in drawn))
        for i, (label, time, panels) in enumerate(drawn[:1] if panel == 0 else drawn):
            axis.plot(time, panels[panel][2] / 10.0**exponent, label=label,
                      color="#4D4D4D" if panel == 0 else COLORS[i % len(COLORS)],
                      linestyle=STYLES[i % len(STYLES)], linewidth=1.2, zorder=len(drawn) - i + 2)
        axis.set_ylabel(axis_label(name, unit, exponent, "\n"))
        if is_eigenvalue:
            # From rounding to tenths, with both signs.
            axis.set_yscale("symlog", linthresh=1e-3, linscale=0.6)
            axis.set_yticks([-0.1, -0.01, -0.001, 0, 0.001])
            axis.set_yticklabels(["−10$^{-1}$", "−10$^{-2}$", "−10$^{-3}$", "0", "10$^{-3}$"])
            axis.yaxis.set_minor_locator(plt.NullLocator())
            axis.axhline(0, color="#BDBDBD", linewidth=0.8, zorder=0)
    axes[1].axis("off")
    handles, labels = axes[2].get_legend_handles_labels()
    axes[1].legend(handles, labels, loc="center", ncol=2, handlelength=2.4)
    for axis in axes[-2:]:
        axis.set_xlabel(axis_label("time", "fs"))
    figure.align_ylabels(axes)
    figure.suptitle(title)
    return figure


def main():
    options = figure_options(
        __doc__,
        results=dict(metavar="RESULT.h5", nargs="+", help="results of keldrift run"))
    figure = build_figure(options.results, options.title)
    save_figure(figure, options.output or "comparison", options)


if __name__ == "__main__":
    run_script(main)
