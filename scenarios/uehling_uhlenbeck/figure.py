#!/usr/bin/python3
"""Draws how collisions among the carriers make a thermal function of any f.

    figure.py RESULT.h5 [-o STEM]

Left: f against the energy at several times, a point per k, and the thermal function that has the
number and the energy of the run. Right: the largest distance from it, and the entropy, against time.
"""

import re
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import root

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
from keldrift.figures import COLORS, figure_options, run_script, save_figure  # noqa: E402
from keldrift.result import Result  # noqa: E402

THETA = {"fermion": -1, "boson": 1, "classical": 0}


def thermal(energy, f, theta):
    """Thermal function with the sums of f and of energy f, and its kT and mu."""
    def occupation(x):
        # exp(x1) keeps mu of bosons below the band.
        mu = energy.min() - np.exp(x[1]) if theta > 0 else x[1]
        return 1 / (np.exp((energy - mu) / np.exp(x[0])) - theta)

    want = np.array([f.mean(), (energy * f).mean()])
    start = (0.5, -2.0) if theta > 0 else (0.5, energy.min() + 1)
    x = root(lambda x: [occupation(x).mean() - want[0], (energy * occupation(x)).mean() - want[1]],
             start, tol=1e-14).x
    return occupation(x), np.exp(x[0])


def build_figure(path, title):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.3))
    with Result(path) as result:
        title = title or result.title
        theta = THETA[re.search(r"^statistics: *(\w+)", result.scenario, re.M)[1]]
        time = result.read("/snapshots/time").values
        f = result.read("/snapshots/f").values.real.reshape(len(time), -1)
        energy = result.read("/model/energy").values.ravel()
        trace_time, entropy = result.trace("time").values, result.trace("entropy").values
    want, kt = thermal(energy, f[0], theta)
    order = np.argsort(energy)
    last = len(time) - 1
    for i, color in zip((0, last // 50, last // 8, last), COLORS):
        left.plot(energy, f[i], ".", markersize=3, color=color, label=f"t = {time[i]:g}")
    left.plot(energy[order], want[order], "k-", linewidth=0.8, label=f"thermal, kT = {kt:.3g}")
    left.set_xlabel("energy ($J$)")
    left.set_ylabel("$f$")
    left.legend()
    right.semilogy(time, np.max(np.abs(f - want), axis=1), color=COLORS[0])
    right.set_xlabel("time (ħ/$J$)")
    right.set_ylabel("largest distance from thermal", color=COLORS[0])
    other = right.twinx()
    other.plot(trace_time, entropy, color=COLORS[1])
    other.set_ylabel("entropy per cell", color=COLORS[1])
    other.spines["right"].set_visible(True)
    figure.suptitle(title)
    return figure


def main():
    options = figure_options(
        __doc__,
        result=dict(metavar="RESULT.h5", help="result of keldrift run"))
    save_figure(build_figure(options.result, options.title),
                options.output or Path(options.result).stem, options)


if __name__ == "__main__":
    run_script(main)
