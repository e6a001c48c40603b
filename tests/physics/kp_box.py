#!/usr/bin/python3
"""k.p models on a box that does not wrap: Dirac seas, a drifting gas, spin precession."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

SPEED, GAP = 5.0, 0.15  # angstrom/fs, eV
HV = oracle.HBAR * SPEED
SEA = {"kind": "equilibrium", "temperature": "0 K", "chemical_potential": "0 eV"}


def dirac(kind, k_max):
    return {"kind": kind, "velocity": f"{SPEED} angstrom/fs", "gap": f"{GAP} eV",
            "k_max": [f"{k_max!r} 1/angstrom"]}


def pulse(amplitude, center, fwhm, frequency=0.0, direction=None):
    field = {"kind": "pulse", "amplitude": f"{amplitude} V/angstrom", "center": f"{center} fs",
             "fwhm": f"{fwhm} fs", "frequency": f"{frequency} 1/fs"}
    if direction:
        field["direction"] = direction
    return field


def run(suite, model, points, field, duration, initial=None, scheme="interaction", rtol=1e-9,
        every=None, **more):
    return suite.run({
        "model": model, "grid": {"k": points}, "initial": initial or SEA, "field": field,
        "propagation": {"duration": f"{duration} fs", "rtol": rtol, "atol": rtol / 100,
                        "scheme": scheme},
        "output": {"every": f"{every or duration / 10} fs"}, **more})


def carriers(result, k_max, d):
    """Carriers in the upper band per angstrom^d: comparable between boxes."""
    return result.trace("population")[-1, 1] * (k_max / np.pi)**d


def sea_1d(suite):
    """Carriers that a pulse creates, against a box 4 times larger and against direct integration.

    The pulse displaces k by 0.15/angstrom and back; the sea must not be torn off at the edge. There
    the field polarizes it by F hbar v gap/(4 E^3) = 3e-5, so leakage is of the order of 1e-9.
    """
    field = [pulse(0.01, 15, 8, 0.03)]
    k_max = 1.0
    force, displacement = oracle.pulse_force(-1, oracle.gauss_pulse(0.01, 15, 8, 0.03), 0, 30)
    large = run(suite, dirac("dirac1d", 4 * k_max), [2048], field, 30)
    want = carriers(large, 4 * k_max, 1)
    suite.above("dirac1d: carriers created per angstrom", want, 1e-3, "else nothing is tested")
    for scheme in ("interaction", "unsplit"):
        small = run(suite, dirac("dirac1d", k_max), [512], field, 30, scheme=scheme)
        suite.equal(f"dirac1d, {scheme}: carriers against a box 4 times larger",
                    carriers(small, k_max, 1), want, 1e-8, "1/angstrom; leakage 1e-9, rtol 1e-9")
        suite.equal(f"dirac1d, {scheme}: number", small.trace("number"), 1.0, 1e-9,
                    "what leaves at one edge comes in at the other; rtol 1e-9")
        taken = small.trace("energy") - small.trace("energy")[0]
        suite.equal(f"dirac1d, {scheme}: energy after the pulse is its work", taken[-1],
                    small.trace("work")[-1], 1e-7, "eV; leakage 1e-9 * 3 eV, rtol 1e-9")
    k = oracle.box_grid(4.0, [2048])
    h = oracle.dirac1d(HV, GAP)
    u = oracle.evolve(h, k, force, displacement, [0, 30], rtol=1e-10, atol=1e-12)[-1]
    f = u @ oracle.band_projector(h(k), 0) @ oracle.dagger(u)
    upper = oracle.band_population(h(k + displacement(30)), f)[:, 1]
    # Energy relative to the sea, which the field at rest does not move: 2 E per carrier.
    gain = 2 * np.hypot(HV * k[:, 0] + HV * displacement(30)[0], GAP) * upper
    suite.equal("dirac1d: energy taken up, against direct integration",
                (large.trace("energy")[-1] - large.trace("energy")[0]) * 4.0 / np.pi,
                gain.mean() * 4.0 / np.pi, 1e-7, "eV/angstrom; rtol 1e-9")
    suite.equal("dirac1d: carriers against direct integration", want, upper.mean() * 4.0 / np.pi,
                1e-8, "1/angstrom; rtol 1e-9")


def sea_2d(suite):
    """The same in two dimensions: polarization F/(4 hbar v k) = 3e-3 along the edge."""
    field = [pulse(0.01, 5, 4, 0.06, [1, 0.5])]
    leakage = "1/angstrom^2; (3e-3)^2 in a strip as wide as the displacement, 0.06/angstrom"
    force, displacement = oracle.pulse_force(-1, oracle.gauss_pulse(0.01, 5, 4, 0.06), 0, 10,
                                             [1, 0.5])
    h = oracle.dirac2d(HV, GAP)
    got = {}
    for k_max, points in ((0.5, 64), (1.0, 128)):
        result = run(suite, dirac("dirac2d", k_max), [points, points], field, 10, rtol=1e-7)
        got[k_max] = carriers(result, k_max, 2)
        k = oracle.flat(oracle.box_grid(k_max, [points, points]))
        u = oracle.evolve(h, k, force, displacement, [0, 10], rtol=1e-7, atol=1e-9)[-1]
        f = u @ oracle.band_projector(h(k), 0) @ oracle.dagger(u)
        want = (oracle.band_population(h(k + displacement(10)), f)[:, 1].mean()
                * (k_max / np.pi)**2)
        suite.equal(f"dirac2d, k_max {k_max}: carriers against direct integration", got[k_max],
                    want, 3e-8, leakage)
        suite.equal(f"dirac2d, k_max {k_max}: number", result.trace("number"), 1.0, 1e-7,
                    "what leaves at one edge comes in at the other; rtol 1e-7")
    suite.above("dirac2d: carriers created per angstrom^2", got[1.0], 1e-5,
                "else nothing is tested")
    suite.equal("dirac2d: box against one twice as large", got[0.5], got[1.0], 3e-8, leakage)


def wrapping(suite):
    """What a wrapped sea would give: a tiny pulse in a small box makes no carriers at the edge."""
    field = [{"kind": "kick", "impulse": "0.02 V fs/angstrom"}]
    result = run(suite, dirac("dirac1d", 1.0), [256], field, 2)
    k = oracle.box_grid(1.0, [256])
    h = oracle.dirac1d(HV, GAP)
    shift = -0.02 / oracle.HBAR
    overlap = np.einsum("kij,kji->k", oracle.band_projector(h(k), 0),
                        oracle.band_projector(h(k + shift), 1)).real
    suite.equal("sudden displacement: carriers, closed form", result.trace("population")[-1, 1],
                overlap.mean(), 1e-5, "|<u_1(k + I/hbar)|u_0(k)>|^2; 1e-6 of it beyond the edge")


def rest(suite):
    """A filled sea has no current, and stays as it is."""
    for kind, points in (("dirac1d", [128]), ("dirac2d", [32, 32])):
        result = run(suite, dirac(kind, 0.8), points, [], 20)
        first = result.snapshot()[0]
        suite.equal(f"{kind}: current of the sea at rest", result.trace("current"), 0.0, 1e-12,
                    "acceptance; the box is symmetric, e angstrom/fs")
        suite.equal(f"{kind}: current does not change", result.trace("current"),
                    result.trace("current")[0], 1e-12, "stationary")
        suite.equal(f"{kind}: state does not change", result.snapshot()[-1], first, 1e-12,
                    "stationary")
    result = run(suite, dirac("dirac1d", 0.8), [128], [{"kind": "constant",
                                                        "amplitude": "1e-5 V/angstrom"}], 20)
    suite.equal("dirac1d: current of the sea in a weak constant field",
                result.trace("current") - result.trace("current")[0], 0.0, 2e-4,
                "an insulator: only polarization, ~ q F/gap")


def parabolic(suite):
    """<k> follows the impulse, E = E_0 + n (hbar K)^2/2m, J = q n hbar K/m, K = int F dt/hbar."""
    mass, kT, k_max = 0.2, 0.08, 0.4
    c = oracle.HBAR2_2M / mass
    _, displacement = oracle.pulse_force(-1, oracle.gauss_pulse(0.004, 10, 8), 0, 30)
    # f(k) is analytic for |Im k| < 0.08: a grid of spacing dk holds it to exp(-pi 0.08/dk), its sum
    # to the square of that.
    for d, points, direction, held in ((1, [256], [1.0], 1e-9), (2, [96, 96], [0.6, 0.8], 1e-9),
                                       (3, [40, 40, 40], [1.0, 2.0, 2.0], 3e-5)):
        field = [pulse(0.004, 10, 8, 0.0, direction)]
        shift = displacement(30)[0] * np.array(direction) / np.linalg.norm(direction)
        result = run(suite, {"kind": "parabolic", "mass": mass, "spin_degeneracy": 2,
                             "k_max": [f"{k_max} 1/angstrom"]}, points, field, 30,
                     {"kind": "equilibrium", "temperature": f"{kT / oracle.BOLTZMANN!r} K",
                      "chemical_potential": "0 eV"})
        k = oracle.flat(oracle.box_grid(k_max, points))
        f = oracle.fermi(c * np.sum(k**2, axis=1), 0.0, kT)
        n = 2 * f.mean()
        edge = oracle.fermi(c * (k_max - abs(shift).max())**2, 0.0, kT)
        label = f"parabolic, {d}D"
        why = f"rtol 1e-9, and the grid; f at the edge is {edge:.0e}"
        suite.equal(f"{label}: number", result.trace("number"), n, 1e-8 * n, why)
        speed = 2 * c / oracle.HBAR
        suite.equal(f"{label}: current after the pulse", result.trace("current")[-1],
                    -n * speed * shift, 1e-8 * n * speed * np.linalg.norm(shift), why)
        before = 2 * np.mean(c * np.sum(k**2, axis=1) * f)
        suite.equal(f"{label}: energy before and after", result.trace("energy")[[0, -1]],
                    [before, before + n * c * shift @ shift], 1e-8 * before, why)
        suite.equal(f"{label}: work", result.trace("work")[-1], n * c * shift @ shift,
                    3e-8 * before, why)
        moved = result.snapshot()[-1].reshape(-1).real
        mean = (moved[:, None] * k).sum(axis=0) / moved.sum()
        suite.equal(f"{label}: <k> of the last snapshot", mean, shift,
                    1e-8 + held / 100, why)
        suite.equal(f"{label}: f(k) of the last snapshot", moved,
                    oracle.fermi(c * np.sum((k - shift)**2, axis=1), 0.0, kT), 3 * held + 1e-8,
                    f"f_0(k - K); rtol 1e-9, and the grid holds f to {held:.0e}")


def rashba(suite):
    """Spin of a k state precesses about B(k) = (-alpha k_y, alpha k_x, gap), closed form."""
    mass, alpha, gap = 0.3, 0.8, 0.03
    c = oracle.HBAR2_2M / mass
    k0, width = np.array([0.1, 0.04]), 60.0
    k_max, n = 0.25, [80, 80]
    model = {"kind": "rashba", "mass": mass, "alpha": f"{alpha} eV angstrom", "gap": f"{gap} eV",
             "k_max": [f"{k_max} 1/angstrom"]}
    names = {"sx": ("pauli_x", None), "sy": ("pauli_y", None), "sz": ("pauli_z", None),
             "jz0": ("pauli_z", 0), "jz1": ("pauli_z", 1), "jx0": ("pauli_x", 0),
             "jy1": ("pauli_y", 1), "one": ("identity", None), "v0": ("identity", 0)}
    observables = [{"name": name, "matrix": matrix} if axis is None else
                   {"name": name, "current_of": matrix, "axis": axis}
                   for name, (matrix, axis) in names.items()]
    observables.append({"name": "given", "matrix": "given", "re": [[0.3, 0.5], [0.5, -0.2]],
                        "im": [[0, -0.7], [0.7, 0]]})
    impulse = 0.05
    result = run(suite, model, n, [{"kind": "kick", "impulse": f"{impulse} V fs/angstrom",
                                    "direction": [-0.3, 1.0]}], 80,
                 {"kind": "gaussian", "band": 0,
                  "momentum": [f"{x} 1/angstrom" for x in k0.tolist()],
                  "width": f"{width} angstrom", "number": 0.01},
                 every=4, observables=observables)

    def hamiltonian(k):
        return oracle.two_band(c * np.sum(k**2, axis=1), -alpha * k[:, 1], alpha * k[:, 0], gap)

    k = oracle.flat(oracle.box_grid(k_max, n))
    # The packet: weights from the program's own first snapshot, whose shape is tested elsewhere.
    f0 = result.snapshot()[0].reshape(-1, 2, 2)
    unit = np.array([-0.3, 1.0]) / np.hypot(0.3, 1.0)
    q = k - impulse / oracle.HBAR * unit
    b = np.stack([-alpha * q[:, 1], alpha * q[:, 0], gap + 0 * q[:, 0]], axis=1)
    size = np.linalg.norm(b, axis=1)
    axis_b = b / size[:, None]
    pauli = np.stack([oracle.PAULI_X, oracle.PAULI_Y, oracle.PAULI_Z])
    charge0 = np.einsum("kii->k", f0).real
    spin0 = np.einsum("aij,kji->ka", pauli, f0).real
    want = {name: [] for name in (*names, "given")}
    for t in result.trace("time"):
        angle = (2 * size * t / oracle.HBAR)[:, None] if t > 0 else np.zeros((len(k), 1))
        along = axis_b * np.sum(axis_b * spin0, axis=1)[:, None]
        spin = (along + np.cos(angle) * (spin0 - along)
                + np.sin(angle) * np.cross(axis_b, spin0))
        here = q if t > 0 else k  # the frame at 0 is before the kick
        speed = 2 * c * here / oracle.HBAR
        # v = hbar k/m + (alpha/hbar)(sigma_y, -sigma_x); {v, sigma_a}/2 by the algebra of Pauli.
        values = {"sx": spin[:, 0], "sy": spin[:, 1], "sz": spin[:, 2],
                  "jz0": speed[:, 0] * spin[:, 2], "jz1": speed[:, 1] * spin[:, 2],
                  "jx0": speed[:, 0] * spin[:, 0],
                  "jy1": speed[:, 1] * spin[:, 1],
                  "one": charge0,
                  "v0": speed[:, 0] * charge0 + alpha / oracle.HBAR * spin[:, 1],
                  "given": 0.05 * charge0 + 0.5 * spin[:, 0] + 0.7 * spin[:, 1]
                           + 0.25 * spin[:, 2]}
        for name, value in values.items():
            want[name].append(value.mean())
    for name, value in want.items():
        got = result["/traces/user/" + name]
        suite.equal(f"rashba: /traces/user/{name}", got, np.array(value),
                    2e-8 * max(np.max(np.abs(value)), 1e-6), "precession in closed form, rtol 1e-9")
    suite.above("rashba: change of s_z, relative", np.ptp(result["/traces/user/sz"])
                / np.max(np.abs(result["/traces/user/one"])), 0.1, "else nothing is tested")
    suite.equal("rashba: current = charge times the particle current",
                result.trace("current")[:, 0], -result["/traces/user/v0"], 1e-13, "no charge there")


def warnings(suite):
    """A sea torn at the edge is worth a warning; a box with an empty or quiet edge is not."""
    good = run(suite, dirac("dirac1d", 1.0), [512], [pulse(0.01, 15, 8, 0.03)], 30)
    bad = run(suite, dirac("dirac1d", 0.1), [512],
              [{"kind": "constant", "amplitude": "0.01 V/angstrom"}], 20)
    edge = [w for w in bad.warnings() if "k_max" in w]
    suite.equal("warnings that name k_max, sea torn at the edge", int(len(edge) > 0), 1, 0,
                "numerics.md sec. 3")
    edge = [w for w in good.warnings() if "k_max" in w]
    suite.equal("warnings that name k_max, quiet edge", len(edge), 0, 0, "nothing to warn of")


if __name__ == "__main__":
    main([sea_1d, sea_2d, wrapping, rest, parabolic, rashba, warnings])
