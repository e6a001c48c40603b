#!/usr/bin/python3
"""`interaction` against `unsplit` (two ways to the same equation) over rtol 1e-4 to 1e-10 with
atol = rtol/100: max |difference of f| over the snapshots <= 200 rtol, and it falls with rtol.

The grids resolve what the pulse writes: both schemes then solve the same problem to below 1e-10."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)
ZERO = {"kind": "equilibrium", "temperature": "0 K", "filling": 1.0}


def pulse(amplitude, center, fwhm, frequency=0.0, direction=None, phase=0.3):
    field = {"kind": "pulse", "amplitude": f"{amplitude} V/angstrom", "center": f"{center} fs",
             "fwhm": f"{fwhm} fs", "frequency": f"{frequency} 1/fs", "phase": phase}
    if direction:
        field["direction"] = direction
    return field


def lattice(kind, **keys):
    return {"kind": kind, "lattice_constant": "3 angstrom", **keys}


CASES = {
    "ssh, gapped, positions": dict(
        model=lattice("ssh", t1="1 eV", t2="0.7 eV", mass="0.1 eV",
                      positions=["0 angstrom", "1.3 angstrom"]),
        grid={"k": [256]}, initial=ZERO, field=[pulse(0.06, 25, 12, 0.2)], duration=50),
    "chain, 100 fs": dict(
        model=lattice("chain", J="0.5 eV"), grid={"k": [256]},
        initial={"kind": "equilibrium", "temperature": "1500 K", "chemical_potential": "-0.3 eV"},
        field=[pulse(0.02, 50, 25, 0.03)], duration=100),
    "square, 2000 K, oblique": dict(
        model=lattice("square", J="0.3 eV"), grid={"k": [96, 96]},
        initial={"kind": "equilibrium", "temperature": "2000 K", "chemical_potential": "-0.2 eV"},
        field=[pulse(0.02, 30, 15, 0.05, [1, 0.4])], duration=60),
    "haldane": dict(
        model=lattice("haldane", t="0.4 eV", mass="0.4 eV", t2="0.04 eV", phase="0.7 rad"),
        grid={"k": [108, 108]}, initial=ZERO, field=[pulse(0.03, 10, 8, 0.15, [0.3, 1])],
        duration=20),
    # The field polarizes the sea also at the edge of the box, by F hbar v gap/(4 E^3): 1.1e-8 here,
    # in units of 1 eV = gap and 1 angstrom = hbar v/gap.
    "dirac1d, filled sea": dict(
        model={"kind": "dirac1d", "velocity": f"{1 / oracle.HBAR!r} angstrom/fs", "gap": "1 eV",
               "k_max": ["150 1/angstrom"]},
        grid={"k": [2048]},
        initial={"kind": "equilibrium", "temperature": "0 K", "chemical_potential": "0 eV"},
        field=[pulse(0.15, 1.5, 1, 0.5)], duration=3),
    "dirac2d, packet": dict(
        model={"kind": "dirac2d", "velocity": "5 angstrom/fs", "gap": "0.4 eV",
               "k_max": ["0.6 1/angstrom"]},
        grid={"k": [96, 96]},
        initial={"kind": "gaussian", "band": 0, "momentum": ["0 1/angstrom", "0.03 1/angstrom"],
                 "width": "7 angstrom", "number": 0.005},
        field=[pulse(0.02, 7, 5, 0.1, [1, 0.5])], duration=14),
}


def compare(suite, name):
    case = CASES[name]
    differences = []
    for rtol in TOLERANCES:
        states = []
        for scheme in ("interaction", "unsplit"):
            result = suite.run({
                "model": case["model"], "grid": case["grid"], "initial": case["initial"],
                "field": case["field"],
                "propagation": {"duration": f"{case['duration']} fs", "rtol": rtol,
                                "atol": rtol / 100, "scheme": scheme},
                "output": {"every": f"{case['duration']} fs",
                           "snapshots": {"every": f"{case['duration'] / 4} fs"}}})
            states.append(result.snapshot())
        differences.append(np.max(np.abs(states[0] - states[1])))
        suite.below(f"{name}: |f_interaction - f_unsplit| at rtol {rtol:g}", differences[-1],
                    200 * rtol, "200 rtol")
    suite.above(f"{name}: the pulse does something (largest change of f)",
                np.max(np.abs(states[0] - states[0][0])), 0.01, "otherwise nothing is tested")
    # Rounding, and what the grid cannot hold, set a floor that no tolerance goes below.
    logs = np.log10(np.maximum(differences, 1e-13))
    slope = np.polyfit(np.log10(TOLERANCES), logs, 1)[0]
    suite.above(f"{name}: slope of log difference over log rtol", slope, 0.8,
                "both converge to the same state")


def filled_dirac2d(suite):
    """The sea in two dimensions: the polarization at the edge, F (hbar v)^2 k/(4 E^3), is what the
    schemes may differ by, as what drifts in is not polarized. Twice the box, a quarter of that."""
    hv, gap, amplitude = oracle.HBAR * 5, 0.4, 0.01
    for k_max, points in ((0.6, 64), (1.2, 128)):
        states = [suite.run({
            "model": {"kind": "dirac2d", "velocity": "5 angstrom/fs", "gap": f"{gap} eV",
                      "k_max": [f"{k_max} 1/angstrom"]},
            "grid": {"k": [points, points]},
            "initial": {"kind": "equilibrium", "temperature": "0 K", "chemical_potential": "0 eV"},
            "field": [pulse(amplitude, 7, 5, 0.1, [1, 0.5])],
            "propagation": {"duration": "14 fs", "rtol": 1e-7, "atol": 1e-9, "scheme": scheme},
        }).snapshot() for scheme in ("interaction", "unsplit")]
        edge = amplitude / (4 * hv * k_max**2)
        suite.below(f"dirac2d, filled sea, k_max {k_max}: |f_interaction - f_unsplit|",
                    np.max(np.abs(states[0] - states[1])), 4 * edge,
                    "4 F/(4 hbar v k_max^2), the polarization at the edge")


def main_sections():
    def section(name):
        def run(suite):
            compare(suite, name)
        run.__name__ = name
        return run
    return [section(name) for name in CASES] + [filled_dirac2d]


if __name__ == "__main__":
    main(main_sections())
