#!/usr/bin/python3
"""Threads change nothing: three find what one finds, and twice the same bits.

The runs are the scenarios, short, on grids from which on loops are shared (src/core/parallel.h), and pass
through every such loop of the program. `scripts/test tsan` runs this under ThreadSanitizer, which ends a run that
has a race with status 66.
"""

import os
import sys

import numpy as np
import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import main

# Sums over shares of a grid are rounded in another order, and steps are chosen from such sums.
ROUNDING = 1e-10

PHONON = {"kind": "phonon", "energy": "0.16 eV", "coupling": "60 meV", "temperature": "400 K", "vertex": "onsite"}
MATRIX = {"broadening": "8 meV", "terms": [PHONON]}
LINE = {"k": [2304]}
# name: (scenario, what is changed in it)
CASES = {
    "two bands under a pulse": ("graphene_pulse", {
        "grid": {"k": [64, 64]}, "propagation": {"duration": "12 fs", "rtol": 1e-4}}),
    "eight bands": ("silicon_pulse", {
        "grid": {"k": [6, 6, 6]}, "propagation": {"duration": "1 fs", "rtol": 1e-4}}),
    "eight bands and phonons": ("silicon_relaxation", {
        "grid": {"k": [4, 5, 6]}, "propagation": {"duration": "2 fs", "rtol": 1e-3}}),
    "U(R), splitting": ("classical_limit", {"propagation": {"scheme": "splitting", "step": 0.05, "duration": 0.2}}),
    "U(R), unsplit": ("classical_limit", {"propagation": {"scheme": "unsplit", "duration": 0.05, "rtol": 1e-4}}),
    "force alone, unsplit": ("classical_limit", {
        "drift": "gradient", "propagation": {"scheme": "unsplit", "duration": 0.05, "rtol": 1e-4}}),
    "two bands in space": ("zener_in_space", {
        "grid": {"k": [60], "r": {"points": [60]}}, "propagation": {"scheme": "splitting", "step": "1 fs", "duration": "4 fs"}}),
    "contacts": ("resonant_tunnelling_diode", {
        "propagation": {"scheme": "splitting", "step": "0.033 fs", "duration": "0.33 fs"}}),
    "phonons at every R": ("hot_spot", {
        "grid": {"k": [64], "r": {"points": [16]}}, "propagation": {"scheme": "splitting", "step": "1 fs", "duration": "3 fs"}}),
    "impurities at every R": ("anderson_kinetic_limit", {
        "grid": {"k": [16, 16], "r": {"points": [16]}}, "propagation": {"scheme": "splitting", "step": 1, "duration": 2}}),
    "electrons, two bands": ("carrier_multiplication", {
        "grid": {"k": [6, 6]}, "propagation": {"duration": 0.5, "rtol": 1e-3}}),
    "electrons, V(q)": ("no_resistivity", {
        "grid": {"k": [12, 12]}, "propagation": {"duration": "5 fs", "rtol": 1e-3}}),
    "electrons at every R": ("hydrodynamic_flow", {
        "grid": {"k": [6, 6], "r": {"points": [4]}}, "propagation": {"scheme": "splitting", "step": 0.1, "duration": 0.2}}),
    "numbers of phonons": ("two_temperature", {"propagation": {"duration": "20 fs", "rtol": 1e-4}}),
    "phonons dragged along": ("phonon_drag", {"propagation": {"duration": "20 fs", "rtol": 1e-4}}),
    "impurities in a plane": ("drude", {"grid": {"k": [48, 48]}, "propagation": {"duration": "20 fs", "rtol": 1e-4}}),
}
for ansatz in ("matrix", "causal", "average", "diagonal", "lindblad"):
    CASES[ansatz] = ("ansatz_comparison", {
        "grid": LINE if ansatz != "lindblad" else {"k": [192]}, "propagation": {"duration": "2 fs", "rtol": 1e-4},
        "collisions": dict(MATRIX, ansatz=ansatz)})
for keys in ({"ansatz": "t1_t2", "t1": "40 fs", "t2": "15 fs"}, {"ansatz": "bgk", "tau": "40 fs"}):
    CASES[keys["ansatz"]] = ("ansatz_comparison", {
        "grid": LINE, "propagation": {"duration": "2 fs", "rtol": 1e-4}, "collisions": keys})
CASES["bonds"] = ("bond_phonons", {"grid": LINE, "propagation": {"duration": "2 fs", "rtol": 1e-4}})
CASES["by direct sums"] = ("ansatz_comparison", {
    "grid": {"k": [128]}, "propagation": {"duration": "2 fs", "rtol": 1e-4},
    "collisions": dict(MATRIX, ansatz="matrix", method="direct")})
CASES["corrections"] = ("kinetic_corrections", {
    "grid": {"k": [128]}, "propagation": {"duration": "1 fs", "rtol": 1e-4}})
CASES["implicit"] = ("ansatz_comparison", {
    "grid": {"k": [128]}, "collisions": dict(MATRIX, ansatz="matrix"),
    "propagation": {"scheme": "unsplit", "integrator": "bdf", "duration": "2 fs", "rtol": 1e-4}})


def scenario(suite, name, changes):
    folder = os.path.join(suite.source_root, "scenarios", name)
    with open(os.path.join(folder, name + ".yaml"), encoding="utf-8") as file:
        case = yaml.safe_load(file)
    case.update({key: value for key, value in changes.items() if key != "grid"})
    for key, value in changes.get("grid", {}).items():
        case["grid"][key] = dict(case["grid"][key], **value) if key == "r" else value
    if "file" in case["model"]:
        case["model"]["file"] = os.path.normpath(os.path.join(folder, case["model"]["file"]))
    case["output"] = {"every": case["propagation"]["duration"]}
    return case


def numbers(result):
    return {name: array for name, array in result.arrays.items() if name.startswith("/traces/")}


def agree(suite):
    for label, (name, changes) in CASES.items():
        case = scenario(suite, name, changes)
        one, three, again = (numbers(suite.run(case, "--threads", n)) for n in ("1", "3", "3"))
        differing = [name for name in three if three[name].tobytes() != again[name].tobytes()]
        suite.line(not differing, f"{label}, three threads again: the same bits: {', '.join(differing) or 'yes'}")
        distance = max(float(np.max(np.abs(three[name] - one[name])) / max(1.0, np.max(np.abs(one[name]))))
                       for name in one)
        suite.equal(f"{label}, three threads against one: worst of {len(one)} traces", distance, 0, ROUNDING,
                    "rounding")


if __name__ == "__main__":
    main([agree])
