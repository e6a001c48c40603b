#!/usr/bin/python3
"""Landau-Zener: H = hbar v k sigma_z + gap sigma_x under a constant force, from |hbar v k| >= 80 gap
to |hbar v k| >= 80 gap, P = exp(-pi gap^2 / (hbar v F))."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

PROBABILITIES = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)
FORMULA = "finite window: at 80 gap the formula itself errs by 7e-5 for P = 0.99"


def packet(force, rtol, start=85.0, width=0.5, charge=1.0):
    """gap = hbar v = 1; the packet, sqrt(<dk^2>) = 1, runs from -start to +start."""
    duration = 2 * start / abs(force)
    return {
        "units": "natural", "charge": charge,
        "model": {"kind": "dirac1d", "velocity": 1.0, "gap": 1.0, "k_max": [100.0]},
        "grid": {"k": [512]},
        "initial": {"kind": "gaussian", "band": 0, "momentum": [-np.sign(force) * start],
                    "width": width, "number": 0.01},
        "field": [{"kind": "constant", "amplitude": force / charge}],
        "propagation": {"duration": duration, "rtol": rtol, "atol": rtol / 100},
        "output": {"every": duration},
    }


def upper_fraction(result):
    population = result.trace("population")[-1]
    return population[1] / population.sum()


def two_level(start, force, duration, gap=1.0, hv=1.0, hbar=1.0):
    """Upper-band fraction for each k of `start`, from the lower band."""
    h = oracle.dirac1d(hv, gap)
    k = np.asarray(start, dtype=float)[:, None]
    u = oracle.evolve(h, k, *oracle.constant_force([force], hbar), [0, duration], hbar=hbar)[-1]
    f = u @ oracle.band_projector(h(k), 0) @ oracle.dagger(u)
    return oracle.band_population(h(k + force * duration / hbar), f)[:, 1]


def formula(suite):
    for probability in PROBABILITIES:
        force = -np.pi / np.log(probability)
        result = suite.run(packet(force, 1e-9))
        suite.equal(f"packet, exp(-pi gap^2/(hbar v F)) = {probability}", upper_fraction(result),
                    probability, 1e-4, FORMULA)
        suite.equal(f"packet, number, P = {probability}", result.trace("number"), 0.01, 1e-13,
                    "number is conserved; the box edge is empty")
    # The other sign of the charge and of the force.
    force = np.pi / np.log(0.3)
    suite.equal("packet of charge -1, pushed to the left, P = 0.3",
                upper_fraction(suite.run(packet(force, 1e-9, charge=-1.0))), 0.3, 1e-4, FORMULA)


def units(suite):
    """The same in eV, fs, angstrom: v = 10 angstrom/fs, gap = 0.1 eV."""
    gap, speed, probability = 0.1, 10.0, 0.5
    hv = oracle.HBAR * speed
    force = -np.pi * gap**2 / (hv * np.log(probability))
    start = 85 * gap / hv
    duration = 2 * start * oracle.HBAR / force
    result = suite.run({
        "charge": -1,
        "model": {"kind": "dirac1d", "velocity": "1e6 m/s", "gap": "100 meV",
                  "k_max": [f"{100 * gap / hv!r} 1/angstrom"]},
        "grid": {"k": [512]},
        "initial": {"kind": "gaussian", "band": 0, "momentum": [f"{-start!r} 1/angstrom"],
                    "width": f"{0.5 * hv / gap!r} angstrom"},
        "field": [{"kind": "constant", "amplitude": f"{-force!r} V/angstrom"}],
        "propagation": {"duration": f"{duration!r} fs", "rtol": 1e-9, "atol": 1e-11},
        "output": {"every": f"{duration!r} fs"}})
    suite.equal("packet in eV, fs, angstrom, P = 0.5", upper_fraction(result), probability, 1e-4,
                FORMULA)
    natural = suite.run(packet(-np.pi / np.log(probability), 1e-9))
    suite.equal("the same in natural units", upper_fraction(result), upper_fraction(natural), 1e-8,
                "same dimensionless problem; rtol 1e-9")


def convergence(suite):
    """Against the two-level solution of the same finite window, k point by k point."""
    for scheme in ("interaction", "unsplit"):
        for probability in (0.3, 0.9):
            force = -np.pi / np.log(probability)
            # Coherences at the end go as exp(-i k^2 hbar v/F): for unsplit the grid must resolve
            # 2 k/F < pi/dk, so it gets a shorter window.
            start, box = (15.0, 24.0) if scheme == "unsplit" else (85.0, 100.0)
            errors = []
            tolerances = (1e-4, 1e-6, 1e-8, 1e-10)
            for rtol in tolerances:
                scenario = packet(force, rtol, start)
                scenario["propagation"]["scheme"] = scheme
                scenario["model"]["k_max"] = [box]
                scenario["output"]["snapshots"] = {"every": scenario["propagation"]["duration"]}
                result = suite.run(scenario)
                k = result["/grid/k"][:, 0]
                weight = result.snapshot("population_k")[0].sum(axis=1)
                inside = weight > 1e-14 * weight.max()
                if rtol == tolerances[0]:
                    reference = two_level(k[inside], force, scenario["propagation"]["duration"])
                want = weight[inside] @ reference / weight[inside].sum()
                errors.append(abs(upper_fraction(result) - want))
            suite.below(f"{scheme}, P = {probability}, rtol 1e-10: error of the upper population "
                        f"(at 1e-4, 1e-6, 1e-8, 1e-10: {', '.join(f'{e:.1e}' for e in errors)})",
                        errors[-1], 1e-8, "direct integration at 1e-12 of the same window")
            suite.below(f"{scheme}, P = {probability}: error at rtol 1e-10 over that at 1e-4",
                        errors[-1] / max(errors[0], 1e-10), 1e-2 if errors[0] > 1e-7 else 1.0,
                        "the error falls with rtol")
            for rtol, error in zip(tolerances[:-1], errors[:-1]):
                suite.below(f"{scheme}, P = {probability}, error at rtol {rtol:g}", error,
                            200 * rtol, "200 rtol")


def sea(suite):
    """A filled lower band: what reaches 80 gap to 90 gap set out below -80 gap; read at each k.

    What passed the gap since t = 0 fills 0 to 170 gap, which the box must hold.
    """
    # exp(-i k^2 hbar v/F) must be resolved: 2 k/F < pi/dk at k = 170.
    for probability, points in ((0.8, 4096), (0.9, 2048), (0.99, 1024)):
        force = -np.pi / np.log(probability)
        duration = 170.0 / force
        scenario = packet(force, 1e-9)
        scenario["initial"] = {"kind": "equilibrium", "temperature": 0.0, "chemical_potential": 0.0}
        scenario["model"]["k_max"] = [200.0]
        scenario["grid"]["k"] = [points]
        scenario["propagation"]["duration"] = duration
        scenario["output"] = {"every": duration}
        result = suite.run(scenario)
        k = result["/grid/k"][:, 0]
        seen = (k >= 80) & (k <= 90)
        got = result.snapshot("population_k")[-1][seen, 1]
        want = two_level(k[seen] - 170.0, force, duration)
        suite.equal(f"sea, P = {probability}, upper band at 80 to 90 gap", got, probability, 1e-4,
                    FORMULA)
        suite.equal(f"sea, P = {probability}, the same against direct integration", got, want,
                    1e-6, "rtol 1e-9, and the tail of the coherences beyond the grid")


if __name__ == "__main__":
    main([formula, units, convergence, sea])
