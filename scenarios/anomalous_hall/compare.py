#!/usr/bin/python3
"""The anomalous Hall conductivity of anomalous_hall.yaml under every Ansatz, by `keldrift steady`.

    compare.py KELDRIFT [--values FILE.json] [-o FIGURE]

Runs every Ansatz at three broadenings and three strengths (some minutes), extrapolates sigma_xy to zero
broadening and zero strength, prints it beside the closed forms and draws the figure of README.md.
With --values, results already in the file are taken from there and new ones are added to it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
from keldrift.figures import COLORS, apply_style  # noqa: E402

GAP, K_MAX, KT, MU = 0.5, 3.0, 0.07, 1.3
CELL = (2 * np.pi)**2 / (2 * K_MAX)**2
POINTS = {0.2: 32, 0.15: 48, 0.1: 64}  # level spacing 6/points, below the broadening
STRENGTHS = (0.2, 0.3, 0.4)
KINETIC = "matrix, kinetic corrections"
ANSATZE = ("diagonal", "rta", "average", "matrix", KINETIC, "causal")
# The part of the strength squared that connects the bands. What the edges of the box add has, under
# causal, a current that is not exactly along (1, 1): there it must be kept smaller.
LEAK = dict.fromkeys(ANSATZE, 1e-3) | {"causal": 1e-2}


def hall(tensor):
    """sigma_xy without the current along (1, 1) that the one-sided edges of the box add."""
    return float(0.5 * (tensor[0, 0] - tensor[1, 0] + tensor[0, 1] - tensor[1, 1]) / CELL)


def steady(keldrift, ansatz, broadening, strength):
    """sigma_xy and its parts from populations and coherences."""
    terms = [{"kind": "impurity", "strength": strength, "vertex": "scalar"},
             {"kind": "impurity", "strength": strength * LEAK[ansatz]**0.5, "vertex": "scalar",
              "broadening": 1}]
    changes = {"grid.k": [POINTS[broadening]] * 2, "collisions.broadening": broadening,
               "collisions.ansatz": ansatz.split(",")[0], "collisions.terms": terms,
               "collisions.kinetic_corrections": ansatz == KINETIC, "field": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "response.h5"
        subprocess.run([keldrift, "steady", HERE / "anomalous_hall.yaml", "-o", path, "--quiet",
                        "--threads", "1"]
                       + [word for key, value in changes.items()
                          for word in ("--set", f"{key}={json.dumps(value)}")], check=True)
        with h5py.File(path) as file:
            return [hall(file["steady/conductivity" + part][...])
                    for part in ("", "_population", "_coherence")]


def measure(keldrift, path):
    values = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
    for ansatz in ANSATZE:
        for broadening in POINTS:
            for strength in STRENGTHS:
                key = f"{ansatz}; {broadening}; {strength}"
                if key not in values:
                    values[key] = steady(keldrift, ansatz, broadening, strength)
                    print(key, *(f"{x:.6f}" for x in values[key]), flush=True)
                    if path:
                        path.write_text(json.dumps(values, indent=1), encoding="utf-8")
    return {a: np.array([[values[f"{a}; {b}; {v}"] for v in STRENGTHS] for b in POINTS])
            for a in ANSATZE}


def at_zero(x, y):
    """The value at x = 0 of the polynomial through all points."""
    return np.linalg.solve(np.vander(np.asarray(x), increasing=True), y)[0]


def limit(values):
    """Of values [broadening, strength, part], per part."""
    weak = np.array([at_zero(np.array(STRENGTHS)**2, row) for row in values])
    return at_zero(np.array(list(POINTS))**2, weak)


def closed_forms():
    """Averages over -f' and sums over the filled box, in the limit of weak disorder."""
    node, weight = np.polynomial.legendre.leggauss(400)
    half = (MU + 40 * KT - GAP) / 2
    s = GAP + half * (1 + node)
    surface = half * weight / (4 * KT * np.cosh((s - MU) / (2 * KT))**2)
    u2, d = s**2 - GAP**2, s**2 + 3 * GAP**2
    side_jump = -surface @ (GAP / (np.pi * s) * u2 / d)
    skew = -surface @ (3 * GAP / (4 * np.pi * s) * u2**2 / d**2)
    k, weight = K_MAX / 2 * (1 + node), K_MAX / 2 * weight
    s = np.sqrt(k[:, None]**2 + k**2 + GAP**2)
    occupied = (1 / (np.exp((-s - MU) / KT) + 1) - 1 / (np.exp((s - MU) / KT) + 1)) / 2

    def box(function):
        return -4 * weight @ (occupied * function) @ weight / (2 * np.pi)**2

    return {"intrinsic": box(GAP / s**3), "side jump": side_jump, "skew": skew,
            "sea": box(GAP / s**3 * (s**2 - GAP**2) / (s**2 + 3 * GAP**2))}


def predictions(c):
    """Of each Ansatz, where there is one: (populations, coherences)."""
    coherences = c["intrinsic"] + c["side jump"] / 2
    return {"diagonal": (0, c["intrinsic"]), "rta": (0, c["intrinsic"]), "average": (0, coherences),
            "matrix": (c["sea"] + 2 / 3 * c["skew"], coherences),
            "causal": (2 * c["sea"] + 2 / 3 * c["skew"], coherences)}


def draw(values, c, path):
    apply_style()
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.6), sharey=True)
    figure.get_layout_engine().set(rect=(0, 0, 0.79, 1))
    b2, v2 = np.array(list(POINTS))**2, np.array(STRENGTHS)**2
    expected = predictions(c)
    full = c["intrinsic"] + c["side jump"] + c["skew"]
    markers = dict(zip(ANSATZE, "osD^vP"))
    panels = ((axes[0], b2, 0.045, "broadening²", lambda a: values[a][:, 1, 0],
               f"strength {STRENGTHS[1]}"),
              (axes[1], v2, 0.18, "strength²", lambda a: values[a][1, :, 0],
               f"broadening {list(POINTS)[1]}"))
    for axis, x, right, label, take, title in panels:
        axis.axhline(-full, color=COLORS[6], lw=1)
        for ansatz, color in zip(ANSATZE, COLORS):
            y = -take(ansatz)
            line = np.linspace(0, right, 50)
            axis.plot(line, np.polyval(np.polyfit(x, y, 2), line), "-", color=color, lw=1)
            axis.plot(x, y, markers[ansatz], color=color, ms=4.5,
                      mfc="none" if ansatz == "rta" else color,
                      label=ansatz.replace(", ", ",\n"))
            if ansatz in expected:
                axis.plot([0], [-sum(expected[ansatz])], "_", color=color, ms=14, mew=2,
                          clip_on=False, zorder=5)
        axis.set(xlim=(0, right), ylim=(0, 0.15), xlabel=label)
        axis.set_title(title, fontsize="small")
    axes[0].set_ylabel("$-\\sigma_{xy}$ ($e^2/\\hbar$)")
    axes[1].text(0.175, -full + 0.003, "noncrossing sum", ha="right", fontsize="small")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="center right", frameon=False,
                  fontsize="small")
    figure.savefig(path, dpi=200)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keldrift", metavar="KELDRIFT", help="the program")
    parser.add_argument("--values", metavar="FILE.json", type=Path, help="results to keep")
    parser.add_argument("-o", dest="figure", metavar="FIGURE", default="anomalous_hall.png")
    options = parser.parse_args()
    values = measure(options.keldrift, options.values)
    c = closed_forms()
    print("closed forms:", ", ".join(f"{name} {value:.5f}" for name, value in c.items()),
          f"; noncrossing sum {c['intrinsic'] + c['side jump'] + c['skew']:.5f}")
    expected = predictions(c)
    for ansatz in ANSATZE:
        total, populations, coherences = limit(values[ansatz])
        # Whether the two limits interfere: the effect of the strength at every broadening.
        effect = values[ansatz][:, -1, 0] - values[ansatz][:, 0, 0]
        print(f"{ansatz:28s} sigma_xy {total:.5f}, populations {populations:.5f}, coherences "
              f"{coherences:.5f}; strength {STRENGTHS[0]} to {STRENGTHS[-1]} changes it by",
              *(f"{1e5 * x:+.1f}e-5" for x in effect), end="")
        if ansatz in expected:
            p, q = expected[ansatz]
            print(f"; closed form {p + q:.5f} = {p:.5f} + {q:.5f}", end="")
        print()
    draw(values, c, options.figure)


if __name__ == "__main__":
    main()
