#!/usr/bin/python3
"""Draws how carriers of one energy begin to diffuse, on a chain and on the square lattice, from 12 runs.

    figure.py KELDRIFT -o kinetic_diffusion

Left: n(R) on the chain at some times. Middle: <x^2> - width^2 in mean free paths against time in scattering times, with 2 D_kin [t -
(1 - e^{-Gamma t})/Gamma]. Right: half the slope of <x^2> after 6 scattering times against the energy, with D_kin(E). Lines are closed
forms, dots are runs. Prints the ratios, and what becomes of one as the broadening is lowered.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from keldrift.figures import (COLORS, figure_options, run_script, save_figure)  # noqa: E402
from keldrift.result import Result  # noqa: E402
from scipy.integrate import quad
from scipy.special import ellipk

SCENARIO = HERE / "kinetic_diffusion.yaml"
LAST = 6.5  # scattering times
CHAIN_ENERGIES = (0, 0.5, 1.0, 1.5)
SQUARE_ENERGIES = (-3.4, -2.6, -2.0, -1.4, -0.7)
SQUARE_V2 = 0.4
SHOWN = (-2.0,)


def chain_form(energy, v2=0.1):
    """Gamma and D_kin: g = 1/(pi sqrt(4 - E^2)), v^2 = 4 - E^2."""
    rate = 2 * v2 / np.sqrt(4 - energy**2)
    return rate, (4 - energy**2) / rate


def square_form(energy, v2=SQUARE_V2):
    """g = K(sqrt(1 - (E/4)^2))/(2 pi^2); <v_x^2> g by a quadrature over the shell."""
    g = ellipk(1 - (energy / 4)**2) / (2 * np.pi**2)
    low, high = max(-1, -energy / 2 - 1), min(1, -energy / 2 + 1)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)

    def integrand(angle):
        u = middle + half * np.sin(angle)
        return (np.sqrt(max(0, 1 - u**2)) / np.sqrt(max(1e-300, 1 - (energy / 2 + u)**2)) * half
                * np.cos(angle))

    square = 2 / np.pi**2 * quad(integrand, -np.pi / 2, np.pi / 2)[0] / g
    rate = 2 * np.pi * v2 * g
    return rate, square / rate


def spread(path):
    """Times, <x^2>, R and n(R)."""
    with Result(path) as result:
        x = result.read("/grid/r").values[:, 0]
        n = result.read("/snapshots/density").values
        return result.read("/snapshots/time").values, n @ x**2 / n.sum(axis=1), x, n


def run(keldrift, folder, changes):
    path = Path(folder) / "run.h5"
    words = [word for change in changes for word in ("--set", change)]
    subprocess.run([keldrift, "run", SCENARIO, "-o", path, "--quiet", *words], check=True,
                   capture_output=True)
    return spread(path)


def chain_run(keldrift, folder, energy, *more):
    rate, d = chain_form(energy)
    front = 2 * LAST / rate + 5 * 8
    return run(keldrift, folder, [f"initial.energy={energy}", f"propagation.step={0.025 / rate}",
                                  f"propagation.duration={LAST / rate}", f"output.every={0.25 / rate}",
                                  f"output.snapshots.every={0.25 / rate}",
                                  f"grid.r.length=[{max(2 * front, 300)}]", *more])


def square_run(keldrift, folder, energy, *more):
    rate, d = square_form(energy)
    front = 2 * LAST / rate + 4 * 8
    return run(keldrift, folder, ["model.kind=square", "grid.k=[80, 80]", f"initial.energy={energy}",
                                  "initial.spread=0.1", "collisions.broadening=0.06",
                                  f"collisions.terms.0.strength={SQUARE_V2**0.5}",
                                  f"propagation.step={0.1 / rate}",
                                  f"propagation.duration={LAST / rate}",
                                  f"output.every={0.25 / rate}",
                                  f"output.snapshots.every={0.25 / rate}",
                                  f"grid.r={{points: [{int(2 * front / 5)}], length: [{2 * front}]}}",
                                  *more])


def slope(time, square):
    """Over the last half scattering time."""
    return (square[-1] - square[-3]) / (time[-1] - time[-3])


def main():
    options = figure_options(__doc__, keldrift=dict(metavar="KELDRIFT", help="the program"))
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.6, 3.4), constrained_layout=True)
    energies = {"chain": np.linspace(-1.99, 1.99, 200), "square": np.linspace(-3.95, -0.02, 300)}
    with tempfile.TemporaryDirectory() as folder:
        for color, (name, form, one_run, points) in zip(COLORS, (
                ("chain", chain_form, chain_run, CHAIN_ENERGIES),
                ("square", square_form, square_run, SQUARE_ENERGIES))):
            for energy in points:
                rate, d = form(energy)
                time, square, x, n = one_run(options.keldrift, folder, energy)
                ratio = slope(time, square) / (2 * d)
                print(f"{name}, E = {energy}: D_kin {d:.4f}, run {ratio * d:.4f}, ratio {ratio:.4f}")
                right.plot(energy, ratio * d, "o", color=color, markersize=4)
                if energy == points[0] and name == "chain":
                    for shade, at in enumerate((0, 1, 2, 6)):
                        i = int(np.argmin(abs(time - at / rate)))
                        left.plot(x * rate / 2, n[i] / rate * 2, color=plt.cm.cividis(0.25 * shade),
                                  label=f"$Γt$ = {at}")
                if (name == "chain" and energy == 0) or (name == "square" and energy in SHOWN):
                    length = np.sqrt(d / rate)
                    middle.plot((time * rate)[1:], (square - square[0])[1:] / length**2, "o",
                                color=color, markersize=3,
                                label=f"{name}, $E$ = {energy:g}")
            grid = energies[name]
            right.plot(grid, [form(e)[1] for e in grid], color=color, linewidth=1, label=name)
        rate, d = chain_form(0)
        for sigma, points, width in ((0.06, 256, 0.16), (0.03, 512, 0.08), (0.015, 1024, 0.04)):
            time, square, *_ = chain_run(options.keldrift, folder, 0, f"collisions.broadening={sigma}",
                                         f"grid.k=[{points}]", f"initial.spread={width}")
            left_over = (np.exp(-LAST + 0.5) - np.exp(-LAST)) / 0.5
            print(f"chain, broadening {sigma}, spread {width}: D over D_kin "
                  f"{slope(time, square) / (2 * d * (1 - left_over)):.5f}")
    u = np.geomspace(0.2, 7, 200)
    middle.loglog(u, 2 * (u + np.expm1(-u)), color="black", linewidth=0.9,
                  label=r"$2\,[Γt - (1 - e^{-Γt})]$")
    middle.loglog(u, u**2, color="black", linewidth=0.7, linestyle=":", label="$(Γt)^2$")
    middle.loglog(u, 2 * u, color="black", linewidth=0.7, linestyle="--", label="$2Γt$")
    middle.set_ylim(0.03, 30)
    middle.set_xlabel("$Γt$")
    middle.set_ylabel(r"$(\langle x^2\rangle - \langle x^2\rangle_0)\,Γ/D_{kin}$")
    middle.legend(loc="upper left", fontsize=7)
    left.set_xlim(-9, 9)
    left.set_xlabel("$x$ in mean free paths")
    left.set_ylabel("$n$ per mean free path")
    left.legend(loc="upper right", fontsize=7)
    left.set_title("chain, $E$ = 0")
    right.set_xlabel("energy ($J$)")
    right.set_ylabel("$D_{kin}$ ($J a^2/ħ$)")
    right.set_ylim(0, None)
    right.legend(loc="upper left")
    figure.suptitle(options.title or "From ballistic to diffusive motion")
    save_figure(figure, options.output or "kinetic_diffusion", options)


if __name__ == "__main__":
    run_script(main)
