#!/usr/bin/python3
"""Draws the amplitude of a wave of density against time, with collisions and without, beside the closed
forms, and the density with collisions against place and time.

    figure.py sound.h5 free.h5 [-o STEM]"""

import sys
from pathlib import Path

import numpy as np
from scipy.integrate import quad
from scipy.optimize import curve_fit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
from keldrift.figures import COLORS, figure_options, run_script, save_figure  # noqa: E402
from keldrift.result import Result  # noqa: E402

LENGTH, AMPLITUDE = 30.0, 0.05
Q = 2 * np.pi / LENGTH


def sound_velocity():
    """c^2 = (dP/dn)_s/m = 2 P/(n m) of the ideal gas in two dimensions, mu = kT = 1."""
    pressure = quad(lambda x: x / (np.exp(x - 1) + 1), 0, 60)[0]
    return np.sqrt(2 * pressure / np.log(1 + np.e))


def free_amplitude(times):
    """Of f(x - v t, k), to first order in the wave: df = n (df/dn) + T (df/dT) times cos(q x)."""
    v = np.linspace(-9, 9, 721)
    vx, vy = np.meshgrid(v, v, indexing="ij")
    x = 0.5 * (vx**2 + vy**2)
    slope = x / (4 * np.cosh((x - 1) / 2)**2)  # x = E/kT: mu/kT stays
    return AMPLITUDE * np.array([np.sum(slope * np.cos(Q * vx * t)) for t in times]) / np.sum(slope)


def wave(t, amplitude, omega, damping, phase):
    return amplitude * np.cos(omega * t + phase) * np.exp(-damping * t)


def build_figure(paths, title):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.2), layout="constrained")
    for path, color, name in zip(paths, COLORS, ("electrons collide", "no collisions")):
        with Result(path) as result:
            time = result.read("/snapshots/time").values
            density = result.read("/snapshots/density").values
            x = result.read("/snapshots/x").values
            title = title or result.title
        mean = density.mean()
        amplitude = 2 * np.mean(density * np.cos(Q * x), axis=1) / mean
        left.plot(time, 100 * amplitude, "o", ms=3, color=color, label=name)
        if name == "no collisions":
            left.plot(time, 100 * free_amplitude(time), color=color, lw=1, label="closed form")
            continue
        fit, _ = curve_fit(wave, time, amplitude, [AMPLITUDE, sound_velocity() * Q, 0.03, 0])
        print(f"sound velocity {fit[1] / Q:.4f}, closed form {sound_velocity():.4f}, damping "
              f"{fit[2]:.4f}")
        left.plot(time, 100 * AMPLITUDE * np.cos(sound_velocity() * Q * time), ":", color=color,
                  label=r"sound, $\cos\,cqt$")
        fine = np.linspace(-LENGTH / 2, LENGTH / 2, 101)
        sine = 2 * np.mean(density * np.sin(Q * x), axis=1) / mean
        field = amplitude[:, None] * np.cos(Q * fine) + sine[:, None] * np.sin(Q * fine)
        image = right.pcolormesh(fine, time, 100 * field, cmap="RdBu_r", vmin=-5, vmax=5,
                                 shading="auto", rasterized=True)
        figure.colorbar(image, ax=right, label="change of density (%)")
    left.axhline(0, color="0.8", lw=0.8, zorder=0)
    left.set_xlabel("time (ħ/$kT$)")
    left.set_ylabel("amplitude of the wave (%)")
    left.legend(fontsize=7, loc="upper center")
    right.set_xlabel(r"$x$ (ħ/$\sqrt{mkT}$)")
    right.set_ylabel("time (ħ/$kT$)")
    figure.suptitle(title)
    return figure


def main():
    options = figure_options(
        __doc__,
        results=dict(metavar="RESULT.h5", nargs=2, help="results of keldrift run"))
    save_figure(build_figure(options.results, options.title),
                options.output or "hydrodynamic_flow", options)


if __name__ == "__main__":
    run_script(main)
