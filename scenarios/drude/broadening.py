#!/usr/bin/python3
"""Conductivity of the scenario against the broadening, and its extrapolation to the closed form.

    scenarios/drude/broadening.py [KELDRIFT] [-o STEM]

Runs `keldrift steady` and `keldrift run` on drude.yaml for several broadenings, with delta
impurities and with impurities of finite range (form: gaussian), prints a table and draws it.
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
from keldrift.result import HBAR_EV_FS, Error, Result  # noqa: E402

# The numbers of drude.yaml.
H2_2M = 3.809982116 / 0.067  # hbar^2/2m, eV angstrom^2
KT = 8.617333262e-5 * 150  # eV
DENSITY = 1.5e-4  # 1/angstrom^2
STRENGTH, K_MAX, SPIN = 8e-3, 0.09, 2
FIELD = 1e-8  # V/angstrom
CELL = (np.pi / K_MAX)**2

# Range of the impurities, broadenings in meV and what changes in drude.yaml. The grids resolve the
# smallest broadening: with it, the sum over the grid is the integral to 1e-5.
CASES = {
    "delta": (None, (5, 6.5, 8), ["grid.k=[128,128]"]),
    "gaussian": (0.04, (9, 11, 13), [
        "grid.k=[64,64]", "collisions.terms.0.form={kind: gaussian, q0: 0.04 1/angstrom}"]),
}


def closed_form(q0):
    """sigma per cell = (g_s e^2/m) int dE rho E (-f') tau_tr(E), and tau_tr at the Fermi energy.

    1/tau_tr = (2 pi/hbar) V^2 V_cell rho <F(q) (1 - cos)>, q^2 = 2 k^2 (1 - cos), with the density
    of states rho = m/(2 pi hbar^2) per area and spin. Without F it is constant: n e^2 tau/m.
    """
    rho = 1 / (4 * np.pi * H2_2M)
    fermi_energy = DENSITY / (SPIN * rho)
    mu = KT * np.log(np.expm1(fermi_energy / KT))
    turn = 1 - np.cos(2 * np.pi * np.arange(256) / 256)

    def tau(energy):
        form = np.exp(-energy[:, None] / H2_2M * turn / q0**2) if q0 else 1.0
        return HBAR_EV_FS / (2 * np.pi * STRENGTH**2 * CELL * rho * np.mean(form * turn, axis=-1)
                             + 0 * energy)

    node, weight = np.polynomial.legendre.leggauss(300)
    energy, weight = (node + 1) / 2 * (mu + 40 * KT), weight / 2 * (mu + 40 * KT)
    slope = 0.25 / KT / np.cosh((energy - mu) / (2 * KT))**2
    total = np.sum(weight * slope * energy * tau(energy)) * SPIN * rho
    return 2 * H2_2M / HBAR_EV_FS**2 * CELL * total, tau(np.array([fermi_energy]))[0]


def keldrift(program, command, result, changes):
    words = [word for change in changes for word in ("--set", change)]
    done = subprocess.run([program, command, HERE / "drude.yaml", "-o", result, "--threads", "1",
                           "--quiet", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Error(f"{program} {command} ended with {done.returncode}: "
                    f"{done.stderr.strip()}")


def measure(program, folder, case):
    """Steady and run values in e^2 angstrom^2/(eV fs) per cell; run only for delta impurities."""
    _, widths, changes = CASES[case]
    steady, run = [], []
    for width in widths:
        here = [*changes, f"collisions.broadening={width} meV"]
        keldrift(program, "steady", folder / "steady.h5", here)
        with Result(folder / "steady.h5") as result:
            steady.append(result.read("/steady/conductivity").values[0, 0])
            si_factor = result.read("/steady/conductivity").attributes["si_factor"]
        if case == "delta":
            keldrift(program, "run", folder / "run.h5", [*here, "output.every=15 ps"])
            with Result(folder / "run.h5") as result:
                run.append(result.trace("current").values[-1, 0] / FIELD)
    return np.array(steady), np.array(run), si_factor


def extrapolation(width, values):
    """Coefficients of a + b width^2 + c width^4 through three points."""
    return np.linalg.solve(np.vander(width**2, 3, increasing=True), values)


def draw_case(axes, case, width, steady, run, coefficients, want):
    fine = np.linspace(0, 1.05 * width[-1], 100)
    axes.axhline(1e3 * want, color=COLORS[7], linestyle=":", label="closed form")
    axes.plot(fine**2, 1e3 * np.vander(fine**2, 3, increasing=True) @ coefficients, "--",
              color=COLORS[0], label="extrapolation")
    axes.plot(width**2, 1e3 * steady, "o", color=COLORS[0], label="steady", markersize=6,
              markerfacecolor="none")
    if len(run):
        axes.plot(width**2, 1e3 * run, "x", color=COLORS[1], label="run", markersize=4)
    axes.set_xlabel("broadening$^2$ (meV$^2$)")
    axes.set_ylabel("conductivity (mS)")
    axes.set_title({"delta": "delta impurities", "gaussian": "range 1/$q_0$ = 25 Å"}[case])
    axes.set_xlim(0, 1.05 * width[-1]**2)
    axes.legend(loc="upper left")


def draw_current(axes, path, tau):
    with Result(path) as result:
        time = result.trace("time").values / 1e3
        current = result.trace("current").values[:, 0]
    # Per cell to per width, in A/m: e angstrom/fs/angstrom^2.
    scale = 1.602176634e-19 / (1e-15 * 1e-10) / CELL
    limit = closed_form(None)[0] * FIELD * scale
    axes.plot(time, 1e3 * current * scale, "o", markersize=3, color=COLORS[0], label="run")
    axes.plot(time, 1e3 * limit * (1 - np.exp(-1e3 * time / tau)), color=COLORS[7],
              label=r"$\sigma E(1-e^{-t/\tau})$")
    axes.set_xlabel("time (ps)")
    axes.set_ylabel("current per width (mA/m)")
    axes.set_title("field of 1 V/cm from t = 0")
    axes.legend(loc="lower right")


def main():
    options = figure_options(
        __doc__,
        keldrift=dict(metavar="KELDRIFT", nargs="?", default="keldrift", help="the program (default: keldrift on the PATH)"))
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.1))
    print("| impurities | broadening | steady (mS) | run (mS) | closed form (mS) | "
          "steady/closed form − 1 |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for axes, case in zip(panels, CASES):
            q0, widths, _ = CASES[case]
            width = np.array(widths, float)
            steady, run, si_factor = measure(options.keldrift, folder, case)
            want, tau = closed_form(q0)
            coefficients = extrapolation(width, steady)
            for i, value in enumerate(steady):
                ran = f"{1e3 * si_factor * run[i]:.6f}" if len(run) else "–"
                print(f"| {case} | {width[i]:g} meV | {1e3 * si_factor * value:.6f} | {ran} | "
                      f"{1e3 * si_factor * want:.6f} | {value / want - 1:.2e} |")
            print(f"| {case} | → 0 | {1e3 * si_factor * coefficients[0]:.6f} | – | "
                  f"{1e3 * si_factor * want:.6f} | {coefficients[0] / want - 1:.2e} |")
            print(f"{case}: tau_tr at the Fermi energy {tau:.2f} fs", file=sys.stderr)
            draw_case(axes, case, width, si_factor * steady, si_factor * run,
                      si_factor * coefficients, si_factor * want)
        keldrift(options.keldrift, "run", folder / "drude.h5", [])
        draw_current(panels[2], folder / "drude.h5", closed_form(None)[1])
    save_figure(figure, options.output or "drude", options)


if __name__ == "__main__":
    run_script(main)
