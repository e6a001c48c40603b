#!/usr/bin/python3
"""`splitting` against `unsplit` for f(R,k): two ways to the same equation on the same grids, which
must therefore agree whether or not the grids resolve the state (most here do not, so that what is
done with the highest modes counts), and the observed order of `splitting` without any other oracle.
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import main

TOLERANCES = (1e-5, 1e-7)
MULTIPLE = 10
WHY = "10 rtol; measured up to 3.3 at rtol 1e-5 and 0.6 at 1e-7"


def packet(**keys):
    return dict({"kind": "gaussian", "band": 0, "momentum": [1.0], "position": [-4.0],
                 "width": 1.2}, **keys)


def scenario(model, k, points, length, initial, duration, **top):
    return dict({"units": "natural", "statistics": "classical", "model": model,
                 "grid": {"k": k, "r": {"points": points, "length": length}}, "initial": initial,
                 "propagation": {"duration": duration},
                 "output": {"every": duration / 4, "snapshots": {"every": duration / 2}}}, **top)


SSH = {"kind": "ssh", "t1": 1.0, "t2": 0.6, "mass": 0.2, "lattice_constant": 1.0,
       "positions": [0, 0.4]}
CASES = {
    "barrier": scenario(
        {"kind": "parabolic", "mass": 1.0, "k_max": 4.0}, [48], [64], [30.0], packet(), 5.0,
        potential=[{"kind": "barrier", "height": 0.8, "width": 1.0, "edge": 1.0}]),
    "harmonic": scenario(
        {"kind": "parabolic", "mass": 1.0, "k_max": 4.0}, [32], [32], [12.0],
        packet(position=[-1.5], width=0.8), 4.0,
        potential=[{"kind": "harmonic", "stiffness": 1.0}]),
    "Dirac packet under a pulse": scenario(
        {"kind": "dirac1d", "velocity": 1.0, "gap": 0.5, "k_max": 4.0}, [40], [60], [30.0],
        packet(band=1), 5.0,
        field=[{"kind": "pulse", "amplitude": 0.5, "center": 2.5, "fwhm": 1.0, "frequency": 0.5}],
        potential=[{"kind": "gaussian", "height": 0.8, "width": 2.0}]),
    # Two orbitals apart, a jump of the field, U(R) and U(R, t).
    "SSH packet": scenario(
        SSH, [15], [20], [20.0], packet(band=1, width=2), 4.0,
        field=[{"kind": "step", "amplitude": 0.4, "time": 1.3, "rise": 0}],
        potential=[{"kind": "gaussian", "height": 0.8, "width": 2.0,
                    "modulation": "1 + 0.5*sin(2*t)"},
                   {"kind": "periodic", "amplitude": 0.3, "period": 10.0}]),
    "plane": scenario(
        {"kind": "rashba", "mass": 1.0, "alpha": 0.4, "gap": 0.3, "k_max": 2.5}, [10, 8], [10, 9],
        [9.0, 8.0], packet(momentum=[0.5, -0.2], position=[-1, 0.5]), 3.0,
        field=[{"kind": "constant", "amplitude": 0.1, "direction": [1, 1]}],
        potential=[{"kind": "gaussian", "height": 0.8, "width": 2.0}]),
    "line in a plane of k": scenario(
        {"kind": "dirac2d", "velocity": 1.0, "gap": 0.3, "k_max": 2.0}, [10, 7], [14], [9.0],
        packet(momentum=[0.5, -0.2], position=[-1]), 3.0,
        field=[{"kind": "constant", "amplitude": 0.1, "direction": [1, 1]}],
        potential=[{"kind": "gaussian", "height": 0.8, "width": 2.0}]),
    "three bands": scenario(
        {"kind": "tight_binding", "lattice_vectors": [[1]], "positions": [[0], [0.3], [0.4]],
         "hoppings": [{"R": [0], "re": [[1, 0.3, 0.2], [0.3, -0.5, 0.4], [0.2, 0.4, 0.1]]},
                      {"R": [1], "re": [[0.2, 0.3, 0], [0.1, 0.2, 0.6], [0, 0.4, 0.1]]},
                      {"R": [-1], "re": [[0.2, 0.1, 0], [0.3, 0.2, 0.4], [0, 0.6, 0.1]]}]},
        [9], [12], [12.0], packet(band=1, position=[0.0]), 3.0,
        field=[{"kind": "cosine", "amplitude": 0.3, "frequency": 0.2}],
        potential=[{"kind": "disorder", "strength": 0.3, "correlation_length": 1.5}]),
    # Nothing for a long time, and then much, at once.
    "late pulse": scenario(
        {"kind": "chain", "J": 0.02, "lattice_constant": 1.0}, [8], [8], [8.0],
        packet(momentum=[0.0], position=[0.0], width=0.8), 400.0,
        field=[{"kind": "pulse", "amplitude": 2.0, "center": 377.0, "fwhm": 0.5}]),
}
# Strang's splitting, order 2, is what collisions have: tight tolerances would take long.
COLLISIONS = scenario(
    SSH, [12], [10], [10.0],
    {"kind": "local_equilibrium", "temperature": 0.5, "chemical_potential": 0.0,
     "chemical_potential_profile": "0.4*sin(0.628318530718*x)"}, 2.0, statistics="fermion",
    field=[{"kind": "pulse", "amplitude": 0.3, "center": 1.0, "fwhm": 0.8}],
    potential=[{"kind": "periodic", "amplitude": 0.3, "period": 10.0}],
    collisions={"ansatz": "matrix", "broadening": 0.2,
                "terms": [{"kind": "phonon", "energy": 0.5, "coupling": 0.3, "vertex": "onsite",
                           "temperature": 0.5}]})


def with_scheme(case, scheme, rtol, **top):
    propagation = dict(case["propagation"], scheme=scheme, rtol=rtol, atol=rtol / 100)
    return dict(case, propagation=propagation, **top)


def compare(suite, name, case, tolerances):
    for drift in ("moyal", "gradient"):
        for rtol in tolerances:
            split, whole = (suite.run(with_scheme(case, scheme, rtol, drift=drift))
                            for scheme in ("splitting", "unsplit"))
            label = f"{name}, {drift}, rtol {rtol:g}"
            suite.equal(f"{label}: f", split.snapshot("f"), whole.snapshot("f"), MULTIPLE * rtol,
                        WHY)
            suite.equal(f"{label}: work", split.trace("work"), whole.trace("work"),
                        MULTIPLE * rtol, WHY)
            number = whole.trace("number")
            suite.equal(f"{label}: number in unsplit", number, number[0], 1e-12 * number[0],
                        "acceptance")
    suite.equal(f"{name}: runs under unsplit", int(whole.attributes["scheme"] == "unsplit"), 1, 0,
                "else nothing is compared")
    change = np.max(np.abs(whole.snapshot("f")[-1] - whole.snapshot("f")[0]))
    suite.above(f"{name}: change of f", change, 0.1, "else nothing is tested")


def agreement(suite):
    for name, case in CASES.items():
        compare(suite, name, case, TOLERANCES)
    pulse = CASES["late pulse"]
    current = suite.run(with_scheme(pulse, "unsplit", 1e-5)).trace("current")[:, 0]
    suite.above("late pulse: what it leaves", abs(current[-1] - current[0]), 1e-2,
                "else it may have been stepped over")


def collisions(suite):
    compare(suite, "phonons at every R", COLLISIONS, TOLERANCES[:1])


def output(suite):
    """What is asked for does not change what is found."""
    case = CASES["SSH packet"]
    rare = suite.run(with_scheme(case, "unsplit", 1e-6))
    often = suite.run(with_scheme(case, "unsplit", 1e-6,
                                  output={"every": 0.01, "snapshots": {"every": 0.5}}))
    suite.equal("unsplit, output more often: f at the end", often.snapshot("f")[-1],
                rare.snapshot("f")[-1], 1e-15, "the same steps")
    suite.equal("unsplit, output more often: work", often.trace("work")[-1],
                rare.trace("work")[-1], 1e-15, "the same steps")
    suite.equal("unsplit, output more often: evaluations",
                often.attributes["rate_evaluations"], rare.attributes["rate_evaluations"], 0,
                "the same steps")


def order(suite):
    """Splitting at fixed steps against unsplit at rtol 1e-12."""
    for name in ("barrier", "Dirac packet under a pulse", "SSH packet"):
        case = CASES[name]
        wanted = suite.run(with_scheme(case, "unsplit", 1e-12)).snapshot("f")[-1]
        for degree, steps in ((2, (0.05, 0.025)), (4, (0.05, 0.025))):
            errors = []
            for step in steps:
                fixed = dict(case, propagation=dict(case["propagation"], scheme="splitting",
                                                    order=degree, step=step))
                got = suite.run(fixed).snapshot("f")[-1]
                errors.append(np.sqrt(np.mean(np.abs(got - wanted)**2)))
            listed = ", ".join(f"{e:.2e}" for e in errors)
            suite.equal(f"{name}: order {degree} observed, errors {listed}",
                        np.log2(errors[0] / errors[1]), degree, 0.1, "acceptance")


if __name__ == "__main__":
    main([agreement, collisions, output, order])
