#!/usr/bin/python3
"""Rabi oscillations of a flat two-level model in a cosine field, against direct integration of the
two-level equation and against the rotating-wave formula, whose error is of order Omega/omega."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

ENERGY, DIPOLE = 1.0, 0.8  # eV, angstrom
OMEGA = ENERGY / oracle.HBAR
ROTATING = "Bloch-Siegert and counter-rotating terms: Omega/(2 omega) with a factor 2 to spare"


def inline(dipole=DIPOLE):
    return {"kind": "tight_binding", "lattice_vectors": [["1 angstrom"]],
            "hoppings": [{"R": [0], "re": [[f"{-ENERGY / 2} eV", "0 eV"],
                                           ["0 eV", f"{ENERGY / 2} eV"]]}],
            "dipoles": [{"R": [0], "axis": 0,
                         "re": [["0 angstrom", f"{dipole} angstrom"],
                                [f"{dipole} angstrom", "0 angstrom"]]}]}


def complex_inline():
    """The same with an imaginary dipole: another phase of the orbitals, the same populations."""
    model = inline()
    model["dipoles"] = [{"R": [0], "axis": 0, "re": [["0 angstrom"] * 2] * 2,
                         "im": [["0 angstrom", f"{DIPOLE} angstrom"],
                                [f"{-DIPOLE} angstrom", "0 angstrom"]]}]
    return model


def dimer():
    """ssh without t2: H = t1 sigma_x, r = diag(0, 2 d): between its levels the dipole is d."""
    return {"kind": "ssh", "t1": f"{-ENERGY / 2} eV", "t2": "0 eV",
            "lattice_constant": "5 angstrom",
            "positions": ["0 angstrom", f"{2 * DIPOLE} angstrom"]}


def two_level(amplitude, times, phase=0.0, frequency=OMEGA / (2 * np.pi)):
    """Upper population from the lower level: i hbar dc/dt = (e/2 sigma_z' - F d sigma_x) c."""
    position = (DIPOLE * oracle.PAULI_X)[None]
    level = np.diag([-ENERGY / 2, ENERGY / 2]).astype(complex)
    force = lambda t: np.array([-amplitude * np.cos(2 * np.pi * frequency * t + phase)])
    u = oracle.evolve(lambda k: np.broadcast_to(level, (len(k), 2, 2)), [[0.0]], force,
                      lambda t: 0.0, times, position)
    return np.abs(u[:, 0, 1, 0])**2


def run(suite, model, amplitude, duration, scheme="interaction", phase=0.0, rtol=1e-9):
    return suite.run({
        "model": model, "grid": {"k": [4]},
        "initial": {"kind": "bands", "occupation": [1, 0]},
        "field": [{"kind": "cosine", "amplitude": f"{amplitude!r} V/angstrom",
                   "frequency": f"{OMEGA / (2 * np.pi)!r} 1/fs", "phase": phase}],
        "propagation": {"duration": f"{duration!r} fs", "rtol": rtol, "atol": rtol / 100,
                        "scheme": scheme},
        "output": {"every": f"{duration / 200!r} fs"}})


def direct(suite):
    amplitude = 0.05
    duration = 3 * 2 * np.pi * oracle.HBAR / (amplitude * DIPOLE)
    times = np.linspace(0, duration, 201)
    for phase in (0.0, 1.1):
        want = two_level(amplitude, times, phase)
        for name, model in (("tight_binding with dipoles", inline()),
                            ("tight_binding with imaginary dipoles", complex_inline()),
                            ("ssh, t2 = 0, positions", dimer())):
            result = run(suite, model, amplitude, duration, phase=phase)
            suite.equal(f"{name}, phase {phase}: upper population over 3 Rabi periods",
                        result.trace("population")[:, 1], want, 1e-7, "acceptance")
    for name, model in (("tight_binding with dipoles", inline()), ("ssh", dimer())):
        result = run(suite, model, amplitude, duration, "unsplit")
        suite.equal(f"{name}, unsplit: upper population", result.trace("population")[:, 1],
                    two_level(amplitude, times), 1e-7, "acceptance")
    suite.equal("flat band: energy", result.trace("energy"),
                ENERGY * (two_level(amplitude, times) - 0.5), 1e-7, "energy of the levels, eV")
    # J = dP/dt with P = q d (rho_01 + rho_10); its integral against E is the energy taken up.
    suite.equal("work is the energy change", result.trace("work"),
                result.trace("energy") - result.trace("energy")[0], 1e-8, "eV")


def rotating_wave(suite):
    """P = sin^2(Omega t/2), Omega = |F| d/hbar; halving the field halves what it misses."""
    errors = []
    for amplitude in (0.08, 0.04, 0.02, 0.01):
        rabi = amplitude * DIPOLE / oracle.HBAR
        duration = 2 * np.pi / rabi
        result = run(suite, inline(), amplitude, duration)
        want = np.sin(rabi * result.trace("time") / 2)**2
        errors.append(np.max(np.abs(result.trace("population")[:, 1] - want)))
        suite.equal(f"rotating wave, Omega/omega = {rabi / OMEGA:.3g}",
                    result.trace("population")[:, 1], want, rabi / OMEGA, ROTATING)
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    suite.equal("error of the formula, ratio on halving the field", ratios, 2.0, 0.25,
                "first order in Omega/omega")


if __name__ == "__main__":
    main([direct, rotating_wave])
