#!/usr/bin/python3
"""Draws the temperatures of electrons and phonons against time, beside those of the two-temperature model,
and the occupation of the phonons against their momentum.

    figure.py dynamic.h5 held.h5 [-o STEM]

held.h5 is the same run with modes that relax to the lattice at once."""

import sys
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
from keldrift.figures import (COLORS, SEQUENTIAL_MAP, axis_label, figure_options,  # noqa: E402
                              run_script, save_figure)
from keldrift.result import Result  # noqa: E402

HBAR, BOLTZMANN = 0.6582119569, 8.617333262e-5  # eV fs, eV/K
HOPPING, OMEGA, COUPLING = 1.0, 20e-3, 60e-3  # eV
LATTICE = 300.0  # K
DENSITY = 1 / (2 * np.pi * HOPPING)  # per spin, atom and eV at the middle of the band
# G = 2 pi hbar k_B N_0 lambda <omega^2>, lambda = 2 N_0 g^2/(hbar omega)
EXCHANGE = 4 * np.pi / HBAR * BOLTZMANN * DENSITY**2 * COUPLING**2 * OMEGA


def electron_temperature(level, energy):
    def excess(t):
        return 2 * np.mean(level / (np.exp(np.clip(level / (BOLTZMANN * t), -700, 700)) + 1)) - energy

    return brentq(excess, 30, 5000)


def two_temperatures(start, times, is_held):
    def rate(_, y):
        flow = EXCHANGE * (y[0] - y[1])
        x = OMEGA / (BOLTZMANN * y[1])
        capacity = BOLTZMANN * x**2 * np.exp(x) / np.expm1(x)**2
        return [-flow / (2 * np.pi**2 / 3 * BOLTZMANN**2 * DENSITY * y[0]),
                0 if is_held else flow / capacity]

    return solve_ivp(rate, (0, times[-1]), [start, LATTICE], t_eval=times, rtol=1e-8).y


def build_figure(paths, title):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.3))
    for path, color, is_held in zip(paths, COLORS, (False, True)):
        with Result(path) as result:
            time = result.trace("time").values
            energy = result.trace("energy").values
            phonons = result.trace("phonon_temperature").values[:, 0]
            level = result.read("/model/energy").values.ravel()
            title = title or result.title
            if not is_held:
                number = result.read("/snapshots/phonon_number_q").values[:, 0]
                when = result.read("/snapshots/time").values
        hot = [electron_temperature(level, e) for e in energy]
        model = two_temperatures(hot[0], time, is_held)
        name = "phonons held" if is_held else "phonons as unknowns"
        left.plot(time / 1000, hot, color=color, label=name)
        left.plot(time / 1000, model[0], ":", color=color)
        if not is_held:
            left.plot(time / 1000, phonons, color=color, lw=1)
            left.annotate("phonons", (2.2, phonons[-1]), xytext=(0, 6), textcoords="offset points",
                          color=color, fontsize=8)
    left.plot([], [], ":", color="0.3", label="two-temperature model")
    left.set_xlabel(axis_label("time", "ps"))
    left.set_ylabel(axis_label("temperature", "K"))
    left.set_ylim(200, 1350)
    left.legend(loc="upper right", fontsize=7)
    q = (np.arange(number.shape[1]) / number.shape[1] + 0.5) % 1 - 0.5
    order = np.argsort(q)
    for i in range(len(when)):
        right.plot(2 * q[order], number[i, order], color=plt.get_cmap(SEQUENTIAL_MAP)(i / len(when)),
                   label=f"{when[i] / 1000:g} ps")
    right.set_xlabel(r"phonon momentum $q a/\pi$")
    right.set_ylabel("phonons in a mode")
    right.set_ylim(0, None)
    right.legend(fontsize=8, loc="center", bbox_to_anchor=(0.75, 0.75))
    figure.suptitle(title)
    return figure


def main():
    options = figure_options(
        __doc__,
        results=dict(metavar="RESULT.h5", nargs=2, help="results of keldrift run"))
    save_figure(build_figure(options.results, options.title), options.output or "two_temperature",
                options)


if __name__ == "__main__":
    run_script(main)
