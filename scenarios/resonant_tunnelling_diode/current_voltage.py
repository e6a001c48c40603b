#!/usr/bin/python3
"""Runs the diode over the bias and draws its current, beside that of a transfer matrix.

    current_voltage.py RESULT.h5 [--keldrift build/keldrift] [--folder FOLDER] [-o STEM]

RESULT.h5 is a run of the scenario as it stands, near the peak: its f(R,k) and j(R) are drawn. The other
points are runs with steps of 0.1 fs; their results go to FOLDER and are taken from there the next
time. Prints the currents.
"""

import argparse
import math
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from keldrift.figures import (COLORS, add_figure_options, apply_style,  # noqa: E402
                              axis_label, check_figure_options, run_script, save_figure)
from keldrift.result import HBAR_EV_FS, Result  # noqa: E402

SCENARIO = HERE / "resonant_tunnelling_diode.yaml"
BIAS = (0.0, 0.04, 0.08, 0.11, 0.14, 0.16, 0.18, 0.2, 0.22, 0.25, 0.29, 0.33)
HERE_BIAS = 0.18  # of the scenario, V
OVER_2M, KT, MU = 3.80998212 / 0.067, 8.617333262e-5 * 300, 0.05
HEIGHT, WIDTH, SEPARATION, EDGE, FALL = 0.35, 25.0, 70.0, 12.0, 40.0
INNER = 225.0  # the contacts begin here
MICROAMPERE = 160.2176634  # e/fs

erf = np.vectorize(math.erf)


def potential(x, bias):
    def box(y):
        return 0.5 * (erf((y + WIDTH / 2) / EDGE) - erf((y - WIDTH / 2) / EDGE))
    return (HEIGHT * (box(x + SEPARATION / 2) + box(x - SEPARATION / 2))
            - bias * (1 + np.tanh(x / FALL)) / 2)


def transmission(energy, bias, slices=800, reach=240.0):
    """By slices of constant potential; energies from the bottom of the left reservoir."""
    width = 2 * reach / slices
    middle = -reach + (np.arange(slices) + 0.5) * width
    left, right = np.sqrt(energy / OVER_2M + 0j), np.sqrt((energy + bias) / OVER_2M + 0j)
    psi, slope = np.ones_like(left), 1j * right
    for u in potential(middle, bias)[::-1]:
        inside = np.sqrt((energy - u) / OVER_2M + 0j)
        turn = inside * width
        psi, slope = (np.cos(turn) * psi - np.sin(turn) / inside * slope,
                      inside * np.sin(turn) * psi + np.cos(turn) * slope)
    return (right / left).real / np.abs((psi + slope / (1j * left)) / 2)**2


def landauer(bias, points=1000, highest=0.6):
    """(2/h) int T (f_L - f_R) dE in e/fs."""
    energy = (np.arange(points) + 0.5) / points * highest
    left = 1 / (np.exp((energy - MU) / KT) + 1)
    right = 1 / (np.exp((energy + bias - MU) / KT) + 1)
    return (2 / (2 * np.pi * HBAR_EV_FS) * highest / points
            * (transmission(energy, bias) @ (left - right)))


def read(path):
    """R, k, j(R) of the particles, f(R,k), in the last snapshot."""
    with Result(path) as result:
        return (result.read("/grid/r").values[:, 0], result.read("/grid/k").values[:, 0],
                -result.read("/snapshots/current_density").values[-1, :, 0],
                result.read("/snapshots/f").values[-1, ..., 0, 0].real)


def mean_current(path):
    r, _, j, _ = read(path)
    return j[np.abs(r) < INNER].mean()


def measure(options):
    options.folder.mkdir(parents=True, exist_ok=True)
    currents = []
    for bias in BIAS:
        path = options.folder / f"bias_{bias:.3f}.h5"
        if not path.exists():
            subprocess.run([options.keldrift, "run", str(SCENARIO), "-o", str(path), "--quiet",
                            "--set", f"potential.1.expression=-{bias}*(1 + tanh(x/40))/2",
                            "--set", "propagation.step=0.1 fs",
                            "--set", "propagation.duration=1000 fs"], check=True)
        currents.append(mean_current(path))
        print(f"{bias:.3f} V: {currents[-1]:.6e} e/fs, transfer matrix {landauer(bias):.6e}")
    return np.array(currents)


def main():
    parser = argparse.ArgumentParser(prog="current_voltage.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", metavar="RESULT.h5", help="result of the scenario")
    parser.add_argument("--keldrift", default="build/keldrift", help="the program")
    parser.add_argument("--folder", type=Path, default=Path("current_voltage"),
                        help="where the results of the other points are kept")
    add_figure_options(parser)
    options = parser.parse_args()
    check_figure_options(options)
    apply_style()
    currents = measure(options)
    r, k, j, f = read(options.result)
    between = np.abs(r) < INNER
    peak = j[between].mean()
    print(f"{HERE_BIAS} V, fine steps: {peak:.6e}, transfer matrix {landauer(HERE_BIAS):.6e}; "
          f"spread over R {np.ptp(j[between]) / peak:.1e}")
    fine = np.linspace(0, BIAS[-1], 45)
    exact = np.array([landauer(bias) for bias in fine])
    print(f"transfer matrix: peak {exact.max():.6e} at {fine[exact.argmax()]:.3f} V")

    figure = plt.figure(figsize=(7.4, 6.4))
    grid = figure.add_gridspec(2, 2, height_ratios=[1, 1], width_ratios=[1, 1.25])
    curve, profile = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    picture, bands = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])

    curve.plot(fine, MICROAMPERE * exact, color="#7F7F7F", label="transfer matrix")
    curve.plot(BIAS, MICROAMPERE * currents, "o", color=COLORS[0], markersize=4,
               label="stationary f(R,k)")
    curve.set_xlabel("bias (V)")
    curve.set_ylabel("current (µA)")
    curve.set_ylim(0, None)
    curve.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2, columnspacing=1.0)

    profile.plot(r, MICROAMPERE * j, color=COLORS[0])
    for side in (-1, 1):
        profile.axvspan(side * INNER, side * 750, color="#EEEEEE", zorder=0)
    profile.text(-487, 1.05 * MICROAMPERE * peak, "reservoir", ha="center")
    profile.text(487, 1.05 * MICROAMPERE * peak, "reservoir", ha="center")
    profile.set_xlim(-750, 750)
    profile.set_ylim(0, 1.15 * MICROAMPERE * peak)
    profile.set_xlabel(axis_label("$R$", "angstrom"))
    profile.set_ylabel(f"$j(R)$ at {HERE_BIAS} V (µA)")

    half_r, half_k = (r[1] - r[0]) / 2, (k[1] - k[0]) / 2
    image = picture.imshow(f.T, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1,
                           extent=(r[0] - half_r, r[-1] + half_r, k[0] - half_k, k[-1] + half_k))
    figure.colorbar(image, ax=picture, label=f"$f(R,k)$ at {HERE_BIAS} V")
    picture.set_xlim(-400, 400)
    picture.set_ylim(-0.1, 0.1)
    picture.set_xlabel(axis_label("$R$", "angstrom"))
    picture.set_ylabel(axis_label("$k$", "1/angstrom"))

    x = np.linspace(-400, 400, 801)
    bands.plot(x, potential(x, HERE_BIAS), color="black", label="$U(R)$")
    bands.axhline(MU, xmax=0.3, color=COLORS[1], linestyle="--", label="chemical potentials")
    bands.axhline(MU - HERE_BIAS, xmin=0.7, color=COLORS[1], linestyle="--")
    bands.set_xlabel(axis_label("$R$", "angstrom"))
    bands.set_ylabel("energy (eV)")
    bands.set_xlim(-400, 400)
    share = bands.twiny()
    energy = np.linspace(1e-4, 0.35, 1500)
    share.plot(transmission(energy, HERE_BIAS), energy, color=COLORS[2])
    share.set_xlim(0, 1.5)
    share.set_xticks([0, 0.5, 1])
    share.set_xlabel("transmission", color=COLORS[2])
    bands.legend(loc="lower left", fontsize="small")
    figure.suptitle(options.title or "A resonant tunneling diode")
    save_figure(figure, options.output or "resonant_tunnelling_diode", options)


if __name__ == "__main__":
    run_script(main)
