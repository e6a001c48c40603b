#!/usr/bin/python3
"""Draws what becomes of a packet at a barrier, and of its two parts in a field, from a run.

    figure.py RESULT.h5 -o barrier_parts

Left: n(R,t) with the classical trajectories of the two parts, from their positions and velocities
after the splitting. Right: n(k) before and after, and |t(k)|^2 from a transfer matrix. Prints the
probability of transmission and where the parts are.
"""

import math
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import matplotlib.pyplot as plt
import numpy as np
from keldrift.figures import (COLORS, SEQUENTIAL_MAP, axis_label, figure_options, run_script,
                              save_figure)
from keldrift.result import HBAR_EV_FS, Result

# The scenario: hbar^2/2m (eV angstrom^2), momentum, width, barrier, force of the step.
OVER_2M, K0, WIDTH = 3.80998212 / 0.067, 0.05, 80.0
HEIGHT, BARRIER_WIDTH, EDGE, POSITION = 0.25, 35.0, 22.0, -150.0
FORCE, STEP, RISE = 8e-4, 101.0, 2.0
SPLIT = 96.0  # fs: the parts have left the barrier, and the field has not begun
SPEED = 2 * OVER_2M / HBAR_EV_FS  # hbar/m

erf = np.vectorize(math.erf)


def barrier(x):
    return HEIGHT * (erf((x + BARRIER_WIDTH / 2) / EDGE) - erf((x - BARRIER_WIDTH / 2) / EDGE)) / 2


def transmission(k, slices=4000, reach=120.0):
    """|t(k)|^2 of thin slices of constant energy, psi and psi' carried from one to the next."""
    width = 2 * reach / slices
    middle = -reach + (np.arange(slices) + 0.5) * width
    # From the transmitted wave e^{ikx} backward.
    psi, slope = np.ones_like(k, complex), 1j * k
    for u in barrier(middle)[::-1]:
        inside = np.sqrt(k**2 - u / OVER_2M + 0j)
        turn = inside * width
        psi, slope = (np.cos(turn) * psi - np.sin(turn) / inside * slope,
                      inside * np.sin(turn) * psi + np.cos(turn) * slope)
    return 1 / np.abs((psi + slope / (1j * k)) / 2)**2


def impulse(t):
    """int F dt, and the integral of that: the field is an error function of time."""
    fine = np.linspace(SPLIT, t, 4001)
    force = FORCE * (1 + erf((fine - STEP) / RISE)) / 2
    first = np.concatenate([[0], np.cumsum((force[1:] + force[:-1]) / 2) * (fine[1] - fine[0])])
    return first[-1], np.sum((first[1:] + first[:-1]) / 2) * (fine[1] - fine[0])


def main():
    options = figure_options(
        __doc__,
        result=dict(metavar="RESULT.h5", help="result of the scenario"))
    with Result(options.result) as result:
        time = result.read("/snapshots/time").values
        r, k = result.read("/grid/r").values[:, 0], result.read("/grid/k").values[:, 0]
        n = result.read("/snapshots/density").values
        # Charge -1: the particle current is the other way.
        j = -result.read("/snapshots/current_density").values[..., 0]
        f = result.read("/snapshots/population_k").values[..., 0]
        r_unit, k_unit, time_unit = (result.read(name).unit for name in (
            "/grid/r", "/grid/k", "/snapshots/time"))
    dr = r[1] - r[0]
    split = int(np.argmin(np.abs(time - SPLIT)))

    # The average over the packet.
    fine = np.linspace(max(K0 - 5 / WIDTH / 2, 1e-4), K0 + 5 / WIDTH / 2, 401)
    weight = np.exp(-2 * ((fine - K0) * WIDTH)**2)
    weight /= weight.sum()
    passed = transmission(fine)
    top = np.sqrt(barrier(np.array(0.0)) / OVER_2M)
    print(f"transmission: keldrift {dr * n[split][r > POSITION].sum():.5f}, "
          f"average of |t|^2 {weight @ passed:.5f}, "
          f"classical {math.erfc((top - K0) * WIDTH * math.sqrt(2)) / 2:.5f}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.5), width_ratios=[1.15, 1])
    half_r, half_t = dr / 2, (time[1] - time[0]) / 2
    image = left.imshow(1e3 * n, origin="lower", aspect="auto", cmap=SEQUENTIAL_MAP, vmin=0, vmax=6,
                        extent=(r[0] - half_r, r[-1] + half_r, time[0] - half_t, time[-1] + half_t))
    left.set_ylim(0, time[-1])
    figure.colorbar(image, ax=left, label="$n(R)$ (10$^{-3}$ Å$^{-1}$)", extend="max")
    for name, side, color in (("transmitted", r > POSITION, COLORS[1]),
                              ("reflected", r < POSITION, COLORS[2])):
        # Between the splitting and the end nothing is near the barrier.
        size = n[:, side].sum(axis=1)
        center = n[:, side] @ r[side] / size
        velocity = j[:, side].sum(axis=1) / size
        path = []
        for t in time[split:]:
            kicked, moved = impulse(t)
            path.append(center[split] + velocity[split] * (t - time[split])
                        + SPEED * moved / HBAR_EV_FS)
        print(f"{name}: center at {time[split]:g} fs {center[split]:.2f} angstrom, velocity "
              f"{velocity[split]:.4f} angstrom/fs; at {time[-1]:g} fs center {center[-1]:.2f}, "
              f"classical {path[-1]:.2f}; velocity {velocity[-1]:.4f}, classical "
              f"{velocity[split] + SPEED * kicked / HBAR_EV_FS:.4f}")
        left.plot(path, time[split:], color=color, label=f"{name}, classical")
    left.axvline(POSITION, color="white", linewidth=0.6, linestyle=":")
    left.set_xlabel(axis_label("$R$", r_unit))
    left.set_ylabel(axis_label("time", time_unit))
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=1)
    left.set_xlim(-1300, 1300)

    for index, color, label in ((0, COLORS[0], "$n(k)$ at 0 fs"),
                                (split, COLORS[3], f"$n(k)$ at {time[split]:g} fs")):
        right.plot(k, dr * f[index].sum(axis=0) / (2 * np.pi), color=color, label=label)
    incoming = np.exp(-2 * ((k - K0) * WIDTH)**2) * WIDTH * np.sqrt(2 / np.pi)
    positive = k > 1e-4
    right.plot(k[positive], incoming[positive] * transmission(k[positive]), "--", color="black",
               linewidth=1, label="$|t|^2$ × $n(k)$ at 0 fs")
    right.set_xlim(-0.085, 0.085)
    right.set_xlabel(axis_label("$k$", k_unit))
    right.set_ylabel(axis_label("$n(k)$", r_unit))
    share = right.twinx()
    share.spines["right"].set_visible(True)
    curve = np.linspace(0.001, 0.085, 200)
    share.plot(curve, transmission(curve), color="#7F7F7F", linewidth=0.9)
    share.set_ylim(0, 1.08)
    share.set_ylabel("$|t(k)|^2$", color="#7F7F7F")
    right.set_ylim(0, None)
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=1)
    figure.suptitle(options.title or "A packet at a barrier, and its two parts in a field")
    save_figure(figure, options.output or "barrier_parts", options)


if __name__ == "__main__":
    run_script(main)
