#!/usr/bin/python3
"""Draws the current and the entropy of several runs, each under the name of its file.

    figure.py electrons.h5 impurities.h5 both.h5 [-o STEM]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
from keldrift.figures import (COLORS, axis_label, figure_options, run_script,  # noqa: E402
                              save_figure)
from keldrift.result import Result  # noqa: E402

STYLES = ("-", "-", "--")


def build_figure(paths, title):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.1))
    for path, color, style in zip(paths, COLORS, STYLES):
        with Result(path) as result:
            time = result.trace("time").values[1:]
            current = result.trace("current").values[1:, 0]
            entropy = result.trace("entropy").values[1:]
            title = title or result.title
        left.plot(time, current / current[0], style, color=color, label=Path(path).stem)
        right.plot(time, entropy, style, color=color)
    left.set_ylabel("current over that after the kick")
    left.set_ylim(0, 1.05)
    right.set_ylabel("entropy per cell")
    for axis in (left, right):
        axis.set_xlabel(axis_label("time", "fs"))
    left.legend(loc="center right")
    figure.suptitle(title)
    return figure


def main():
    options = figure_options(
        __doc__,
        results=dict(metavar="RESULT.h5", nargs="+", help="results of keldrift run"))
    save_figure(build_figure(options.results, options.title), options.output or "no_resistivity",
                options)


if __name__ == "__main__":
    run_script(main)
