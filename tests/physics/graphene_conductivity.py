#!/usr/bin/python3
"""Optical conductivity of clean graphene from a weak kick, through scripts/spectrum: e^2/(4 hbar) on
the plateau, and the Kubo sum over the same k points, with the same broadening, to far better."""

import csv
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import RunFailed, main

HOPPING, CONSTANT, TEMPERATURE = 2.7, 2.46, 300.0  # eV, angstrom, K
POSITION_B = CONSTANT * np.array([0.5, 0.5 / np.sqrt(3)])  # (a1 + a2)/3
SHEET = oracle.ELEMENTARY_CHARGE / (4 * oracle.HBAR * 1e-15)  # e^2/(4 hbar) in siemens


def kubo(points, energies, axis, width):
    """sigma(omega + i width/hbar) in siemens: the response to a kick, J(t > 0), damped and
    transformed. A kick displaces every point by I/hbar, which is to first order a perturbation v I:

    J(t)/I = q^2 g_s/N sum_k { Tr(f d2H) + sum_nm |v_nm|^2 (f_n - f_m)/(e_n - e_m)
             (1 - exp(-i (e_n - e_m) t/hbar)) },   d2H = (1/hbar^2) D_x D_x H, D = d/dk + i[., r]
    """
    h = oracle.graphene(HOPPING, 0.0, CONSTANT)
    vectors = oracle.graphene_vectors(CONSTANT)
    k = oracle.flat(oracle.zone_grid(vectors, [points, points]))
    r = np.diag([0.0, POSITION_B[axis]]).astype(complex)

    def hv(q):
        return oracle.velocity(h, q, axis, r, 1.0)

    second = oracle.velocity(hv, k, axis, r, 1.0)
    energy, vector = np.linalg.eigh(h(k))
    f = oracle.fermi(energy, 0.0, oracle.BOLTZMANN * TEMPERATURE)
    diagonal = np.real(np.einsum("kin,kij,kjn->kn", vector.conj(), second, vector))
    v = np.einsum("kin,kij,kjm->knm", vector.conj(), hv(k), vector)
    gap = energy[:, 1] - energy[:, 0]
    split = gap > 1e-9
    ratio = np.where(split, (f[:, 1] - f[:, 0]) / np.where(split, gap, 1), 0)
    strength = np.abs(v[:, 0, 1])**2 * ratio
    # Transitions at 1 and -1 share |v|^2 and the ratio: 2 - 2 cos(gap t/hbar). Collected by gap.
    order = np.argsort(gap)
    gap, strength = gap[order], strength[order]
    static = np.sum(diagonal * f) + 2 * np.sum(strength)
    z = energies + 1j * width
    # int_0^oo exp(i z t/hbar) {1, cos(gap t/hbar)} dt = hbar {i/z, i z/(z^2 - gap^2)}
    dynamic = np.array([np.sum(strength * 2j * x / (x**2 - gap**2)) for x in z])
    cell = abs(np.linalg.det(vectors))
    # e^2/hbar times a number; e angstrom/fs per V/angstrom, per cell, is e 1e15 S per angstrom^2.
    per_cell = 2 * (static * 1j / z - dynamic) / oracle.HBAR / len(k)
    return per_cell / cell * oracle.ELEMENTARY_CHARGE * 1e15


def spectrum(suite, path, width):
    table = suite.path("sigma.csv")
    done = subprocess.run([os.path.join(suite.source_root, "scripts", "spectrum"), path,
                           "--csv", table, "-o", suite.path("figure"), "--format", "png",
                           "--width", str(width), "--max-energy", "4", "--points", "401"],
                          cwd=suite.folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunFailed(f"scripts/spectrum: exit status {done.returncode}: {done.stderr.strip()}")
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    values = np.array(rows[1:], dtype=float)
    return dict(zip(rows[0], values.T))


def response(suite, points, axis, width, duration):
    """The table of scripts/spectrum after a kick, checked against the Kubo sum; and the result.

    J(t) holds frequencies up to the bandwidth, 16 eV/hbar, and what the spline misses just after the
    kick is an offset of Re sigma: 0.13 e^2/4hbar with frames 0.1 fs apart, and that times the fourth
    power of the interval.
    """
    result = suite.run({
        "model": {"kind": "graphene", "t": f"{HOPPING} eV",
                  "lattice_constant": f"{CONSTANT} angstrom", "spin_degeneracy": 2},
        "grid": {"k": [points, points]},
        "initial": {"kind": "equilibrium", "temperature": f"{TEMPERATURE} K",
                    "chemical_potential": "0 eV"},
        "field": [{"kind": "kick", "impulse": "1e-4 V fs/angstrom",
                   "direction": [1 - axis, axis]}],
        "propagation": {"duration": f"{duration} fs", "rtol": 1e-7, "atol": 1e-11},
        "output": {"every": "0.03 fs"}})
    table = spectrum(suite, result.path, width)
    name = "xy"[axis] * 2
    label = f"{name}, {points}^2, width {width} eV"
    energy = table["energy_eV"]
    got = (table[f"re_sigma_{name}_S"] + 1j * table[f"im_sigma_{name}_S"]) / SHEET
    suite.equal(f"{label}: the column in e^2/4hbar", table[f"re_sigma_{name}_in_e2_over_4hbar"],
                got.real, 1e-8, "SI 2019")
    # The run ends where exp(-width t/hbar) is 1e-4.
    used = energy > 0.1
    want = kubo(points, energy[used], axis, width) / SHEET
    for part in ("real", "imag"):
        suite.equal(f"{label}: {part} part of sigma/(e^2/4hbar), 0.1 to 4 eV, against the Kubo sum",
                    getattr(got[used], part), getattr(want, part), 2e-3,
                    "the same k points; cut at exp(-width t/hbar) = 1e-4, offset 0.13 * 0.3^4 = 1e-3")
    return result, energy, got


def plateau(suite):
    _, energy, sigma = response(suite, 150, 0, 0.15, 39)
    on = (energy > 0.45) & (energy < 1.05)
    suite.above("energies on the plateau", np.sum(on), 55, "0.45 eV to 1.05 eV")
    suite.equal("Re sigma/(e^2/4 hbar) on the plateau", sigma[on].real, 1.0, 0.03,
                "acceptance; trigonal warping and the tail of the peak at 2t, broadened, give 2 %")


def across(suite):
    result, _, _ = response(suite, 90, 1, 0.3, 19.5)
    suite.equal("kick along y: no current along x", result.trace("current")[:, 0], 0.0,
                1e-9 * np.max(np.abs(result.trace("current"))), "mirror symmetry")


if __name__ == "__main__":
    main([plateau, across])
