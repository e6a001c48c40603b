#!/usr/bin/python3
"""f(R,k,t) in two and three dimensions of R and three of k: separable problems are products of lines.

With H(k) = sum_a h(k_a), U(R) = sum_a U_a(R_a) and a packet that is a product, the equation of motion
keeps f(R,k,t) = prod_a f_a(R_a,k_a,t) exactly, also after discretization: q.v and U(R + s/2) -
U(R - s/2) are sums over the axes. The lines are compared with the Schroedinger equation by
phase_space.py.
"""

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import main

ROUNDING, WHY = 1e-12, "rounding of some tens of steps; the factors commute"
POINTS_R, POINTS_K, LENGTH = (8, 7, 6), (6, 5, 8), (8.0, 5.0, 9.0)
MOMENTUM, POSITION, CENTER = (0.5, 0.2, -0.3), (0.5, -0.4, 0.1), (0.1, 0.2, 0.3)


def packet(axes):
    """A packet in a harmonic trap, of these axes."""
    kind = {1: "chain", 3: "cubic"}[len(axes)]
    return {"units": "natural", "statistics": "classical", "model": {"kind": kind, "J": 0.5},
            "grid": {"k": [POINTS_K[a] for a in axes],
                     "r": {"points": [POINTS_R[a] for a in axes], "length": [LENGTH[a] for a in axes]}},
            "initial": {"kind": "gaussian", "width": 1.2, "momentum": [MOMENTUM[a] for a in axes],
                        "position": [POSITION[a] for a in axes]},
            "potential": [{"kind": "harmonic", "stiffness": 0.2, "center": [CENTER[a] for a in axes]}],
            "propagation": {"scheme": "splitting", "step": 0.1, "duration": 2.0},
            "output": {"every": 1.0, "snapshots": {"every": 1.0}}}


def three_lines(suite):
    lines = [suite.run(packet([a])) for a in range(3)]
    space = suite.run(packet([0, 1, 2]))
    fx, fy, fz = (line.snapshot("f")[..., 0, 0] for line in lines)
    want = np.einsum("txu,tyv,tzw->txyzuvw", fx, fy, fz)
    got = space.snapshot("f")
    suite.equal("3-D: shape of /snapshots/f", got.shape, (3, *POINTS_R, *POINTS_K, 1, 1), 0, "interface")
    suite.equal("3-D: f", got[..., 0, 0], want, ROUNDING * np.max(np.abs(want)), WHY)
    suite.above("3-D: what f changes by", np.max(np.abs(want[2] - want[0])), 0.3 * np.max(np.abs(want)),
                "else the comparison means nothing")
    for name, axes in (("density", "tx,ty,tz->txyz"), ("momentum_density", "tu,tv,tw->tuvw")):
        want = np.einsum(axes, *(line.snapshot(name) for line in lines))
        suite.equal(f"3-D: {name}", space.snapshot(name), want, ROUNDING * np.max(np.abs(want)), WHY)
    for a, line in enumerate(lines):
        number = np.prod([lines[b].trace("number") for b in range(3) if b != a], axis=0)
        suite.equal(f"3-D: current along {'xyz'[a]}", space.trace("current")[:, a],
                    line.trace("current")[:, 0] * number, 1e-12, WHY)
    energy = sum(line.trace("energy") for line in lines)
    suite.equal("3-D: energy", space.trace("energy"), energy, 1e-11, "the other factors are 1 within rounding and what is outside")
    suite.equal("3-D: number", space.trace("number"), np.ones(3), 1e-9, "normalization; what is outside the grids")


def plane_in_space(suite):
    """Two dimensions of R with three of k: the same at every z where nothing depends on it."""
    scenario = {
        "units": "natural", "model": {"kind": "cubic", "J": 0.5},
        "grid": {"k": [5, 6, 5], "r": {"points": [5, 4], "length": [6.0, 5.0]}},
        "initial": {"kind": "local_equilibrium", "temperature": 1, "filling": 0.4,
                    "density_profile": "1 + 0.3*cos(2*pi*x/6)"},
        "potential": [{"kind": "expression", "expression": "0.3*cos(2*pi*x/6) + 0.2*sin(2*pi*y/5)"}],
        "propagation": {"scheme": "splitting", "step": 0.1, "duration": 1.0},
        "output": {"every": 0.5, "snapshots": {"every": 0.5}}}
    plane = suite.run(scenario)
    scenario["grid"]["r"] = {"points": [5, 4, 3], "length": [6.0, 5.0, 2.0]}
    space = suite.run(scenario)
    f = plane.snapshot("f")
    suite.equal("2-D of 3-D: shape of /snapshots/f", f.shape, (3, 5, 4, 5, 6, 5, 1, 1), 0, "interface")
    suite.above("2-D of 3-D: what f changes by", np.max(np.abs(f[2] - f[0])), 0.01,
                "else the comparison means nothing")
    suite.equal("2-D of 3-D: f at every z", space.snapshot("f"), f[:, :, :, None], ROUNDING, WHY)
    suite.equal("2-D of 3-D: n at every z", space.snapshot("density"), plane.snapshot("density")[..., None],
                ROUNDING, WHY)
    suite.equal("2-D of 3-D: j at every z", space.snapshot("current_density"),
                plane.snapshot("current_density")[:, :, :, None], ROUNDING, WHY)


def continued(suite):
    """10 fs are 5 fs and 5 fs from the snapshot; one without R fills the box."""
    whole = packet([0])
    whole["propagation"].update(duration=10.0)
    half = {**whole, "propagation": {**whole["propagation"], "duration": 5.0}}
    want = suite.run(whole)
    half_way = suite.run(half).path
    rest = {**half, "initial": {"kind": "file", "file": half_way}}
    got = suite.run(rest)
    for name in ("f", "density", "momentum_density"):
        suite.equal(f"continued: {name}", got.snapshot(name), want.snapshot(name)[5:], 1e-12,
                    "the same steps, with rounding of their beginnings")
    again = suite.run({**rest, "initial": {"kind": "file", "file": half_way, "snapshot": 2}})
    suite.equal("from the snapshot at 2 fs", again.snapshot("f"), want.snapshot("f")[2:8], 1e-12, "the same")
    line = suite.run({"units": "natural", "model": {"kind": "chain", "J": 0.5}, "grid": {"k": [6]},
                      "initial": {"kind": "equilibrium", "temperature": 1, "filling": 0.3},
                      "propagation": {"duration": 1.0}})
    filled = suite.run({"units": "natural", "model": {"kind": "chain", "J": 0.5},
                        "grid": {"k": [6], "r": {"points": [5], "length": [5.0]}},
                        "initial": {"kind": "file", "file": line.path}, "propagation": {"duration": 1.0}})
    suite.equal("a homogeneous snapshot fills every R", filled.snapshot("f")[0], line.snapshot("f")[-1:], 1e-15,
                "the same numbers")
    suite.line(not filled.warnings(), f"what fills the box is no packet that reaches its ends: {filled.warnings()}")


def poles(suite):
    """A factor that is not finite within the run is told by its key and time, in both schemes."""
    for scheme, factor, value in (("splitting", "1/(t - 1)", "inf at t = 1 "), ("splitting", "sqrt((t - 1)*(t - 1.2))", "nan at t = 1"),
                                  ("unsplit", "sqrt((t - 1)*(t - 1.2))", "nan at t = 1")):
        scenario = packet([0])
        scenario["propagation"] = {"scheme": scheme, "duration": 2.0}
        scenario["potential"][0]["modulation"] = factor
        suite.write("pole.yaml", json.dumps(scenario))
        done = suite.execute(["run", "pole.yaml", "--quiet"])
        suite.line(done.returncode == 4 and f"potential.0.modulation: {value}" in done.stderr,
                   f"{factor}, {scheme}: exit {done.returncode} {done.stderr.strip()}")


def tools(suite):
    """What reads results takes them."""
    suite.run(packet([0, 1, 2]))
    stem = f"run{suite.runs:03d}"
    estimate = suite.execute(["check", stem + ".yaml"])
    suite.line(estimate.returncode == 0 and "3 dimensions, 336 R points" in estimate.stdout.replace(
        "240 k points in ", ""), f"check: exit {estimate.returncode} {estimate.stderr.strip()}")
    info = suite.execute(["info", stem + ".h5"])
    suite.line(info.returncode == 0 and "time 3, x 8, y 7, z 6, k1 6, k2 5, k3 8, orbital 1, orbital_2 1" in info.stdout,
               f"info: exit {info.returncode} {info.stderr.strip()}")
    same = suite.execute(["compare", stem + ".h5", stem + ".h5"])
    suite.line(same.returncode == 0, f"compare: exit {same.returncode} {same.stderr.strip()}")


if __name__ == "__main__":
    main([three_lines, plane_in_space, continued, poles, tools])
