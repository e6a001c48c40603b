#!/usr/bin/python3
"""Spin-Hall current of the scenario after the field is switched on, under four Ansätze.

    scenarios/rashba_spin_hall/ansaetze.py [KELDRIFT] [-o STEM]

Runs `keldrift run` on rashba_spin_hall.yaml with weaker impurities, so that the intrinsic current
is seen before they take it away, prints the last values and draws the current against time.
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

# The numbers of rashba_spin_hall.yaml.
H2_M = 2 * 3.809982116 / 0.05  # hbar^2/m, eV angstrom^2
ALPHA, K_MAX, MU, KT, FIELD = 1.0, 0.065, 20e-3, 8.617333262e-5 * 110, 3e-8
CELL = (np.pi / K_MAX)**2

# More points for the coherences, which live longer; the figure does not need the tolerance of the
# scenario.
CHANGES = ["grid.k=[72,72]", "collisions.terms.0.strength=18 meV", "propagation.duration=1 ps",
           "output.every=5 fs", "propagation.rtol=1e-5", "propagation.atol=1e-11"]
STYLES = {"matrix": "-", "causal": "--", "rta": "-", "diagonal": "-"}


def intrinsic():
    """In e/8 pi: 1 above the crossing of the bands, sqrt(1 + E/E_R) below it, averaged over -f'."""
    depth = ALPHA**2 / (2 * H2_M)
    node, weight = np.polynomial.legendre.leggauss(200)
    below, above = (node - 1) / 2 * depth, (node + 1) / 2 * (MU + 40 * KT)

    def slope(energy):
        return 0.25 / KT / np.cosh((energy - MU) / (2 * KT))**2

    return (np.sum(weight * slope(below) * np.sqrt(1 + below / depth)) * depth / 2
            + np.sum(weight * slope(above)) * (MU + 40 * KT) / 2)


def spin_current(program, folder, ansatz):
    """Times in fs and the spin-Hall current in e/8 pi times the field."""
    words = [word for change in [*CHANGES, f"collisions.ansatz={ansatz}"]
             for word in ("--set", change)]
    path = folder / f"{ansatz}.h5"
    done = subprocess.run([program, "run", HERE / "rashba_spin_hall.yaml", "-o", path, "--threads",
                           "1", "--quiet", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Error(f"{program} run ended with {done.returncode}: {done.stderr.strip()}")
    with Result(path) as result:
        current = result.trace("user/spin_current").values
        return result.trace("time").values, current * HBAR_EV_FS / 2 / CELL / FIELD * 8 * np.pi


def main():
    options = figure_options(
        __doc__,
        keldrift=dict(metavar="KELDRIFT", nargs="?", default="keldrift", help="the program (default: keldrift on the PATH)"))
    figure, axes = plt.subplots(figsize=(5.6, 3.4))
    with tempfile.TemporaryDirectory() as temporary:
        for color, (ansatz, style) in zip(COLORS, STYLES.items()):
            time, current = spin_current(options.keldrift, Path(temporary), ansatz)
            axes.plot(time, current, style, color=color, label=ansatz)
            print(f"{ansatz}: {current[-1]:.4f} e/8pi at {time[-1]:g} fs")
    axes.axhline(intrinsic(), color=COLORS[7], linestyle=":", linewidth=1)
    axes.annotate("intrinsic", (time[-1], intrinsic()), (0, 3), textcoords="offset points",
                  ha="right", va="bottom", color=COLORS[7])
    axes.axhline(0, color="black", linewidth=0.6)
    print(f"intrinsic: {intrinsic():.4f} e/8pi")
    axes.set_xlabel("time after switching on the field (fs)")
    axes.set_ylabel(r"spin-Hall current / field ($e/8\pi$)")
    axes.legend(loc="upper right", ncol=4)
    axes.set_ylim(-0.1, 1.75)
    save_figure(figure, options.output or "rashba_spin_hall", options)


if __name__ == "__main__":
    run_script(main)
