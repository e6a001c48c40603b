#!/usr/bin/python3
"""What the interface fixes: units, signs, what carries g_s, directions, degenerate bands, initial
states, entropy; equilibrium without a field is stationary."""

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

KELVIN = 1 / oracle.BOLTZMANN  # K per eV


def kelvin(kT):
    return f"{kT * KELVIN!r} K"


def scenario(model, grid, initial, field=(), duration=10.0, every=None, rtol=1e-9, **more):
    return {"model": model, "grid": {"k": grid}, "initial": initial, "field": list(field),
            "propagation": {"duration": f"{duration!r} fs", "rtol": rtol, "atol": rtol / 100},
            "output": {"every": f"{every or duration / 5!r} fs"}, **more}


def pulse(amplitude, direction=None, center=5.0, fwhm=4.0, frequency=0.2):
    field = {"kind": "pulse", "amplitude": f"{amplitude!r} V/angstrom", "center": f"{center!r} fs",
             "fwhm": f"{fwhm!r} fs", "frequency": f"{frequency!r} 1/fs"}
    if direction is not None:
        field["direction"] = list(direction)
    return field


SSH = {"kind": "ssh", "t1": "1 eV", "t2": "0.7 eV", "mass": "0.1 eV",
       "lattice_constant": "3 angstrom", "positions": ["0 angstrom", "1.3 angstrom"]}
WARM = {"kind": "equilibrium", "temperature": "3000 K", "chemical_potential": "-0.6 eV"}


def units(suite):
    """1 eV, 3 angstrom and hbar/eV as units of energy, length and time."""
    time, a = oracle.HBAR, 3.0
    real = suite.run(scenario(SSH, [48], WARM, [pulse(0.04)], 10.0))
    for hbar in (1.0, 0.25):
        # With hbar = h, a time t in hbar/eV is h t in units of eV^-1 ...
        scale = hbar / time
        natural = suite.run({
            "units": "natural", "hbar": hbar,
            "model": {"kind": "ssh", "t1": 1.0, "t2": 0.7, "mass": 0.1,
                      "positions": [0.0, 1.3 / a]},
            "grid": {"k": [48]},
            "initial": {"kind": "equilibrium", "temperature": 3000 / KELVIN,
                        "chemical_potential": -0.6},
            "field": [{"kind": "pulse", "amplitude": 0.04 * a, "center": 5 * scale,
                       "fwhm": 4 * scale, "frequency": 0.2 / scale}],
            "propagation": {"duration": 10 * scale, "rtol": 1e-9, "atol": 1e-11},
            "output": {"every": 2 * scale}})
        label = f"natural units, hbar = {hbar}"
        for name, factor in (("number", 1), ("energy", 1), ("work", 1), ("entropy", 1),
                             ("population", 1), ("coherence", 1), ("purity", 1),
                             ("current", a * scale), ("current_inter", a * scale),
                             ("field", 1 / a)):
            suite.equal(f"{label}: {name}", natural.trace(name) * factor, real.trace(name),
                        1e-8 * max(1.0, np.max(np.abs(real.trace(name)))),
                        "one dimensionless problem; rtol 1e-9")
        suite.equal(f"{label}: time", natural.trace("time") / scale, real.trace("time"), 1e-10,
                    "fs")
        suite.equal(f"{label}: k", natural["/grid/k"] / a, real["/grid/k"], 1e-14, "1/angstrom")
        suite.equal(f"{label}: velocity", natural["/model/velocity"] * a * scale,
                    real["/model/velocity"], 1e-13, "angstrom/fs")
    # The same quantities in other units of the same dimension.
    other = suite.run({
        "model": {"kind": "ssh", "t1": "1000 meV", "t2": "0.7 eV", "mass": "100 meV",
                  "lattice_constant": "0.3 nm", "positions": ["0 nm", "1.3e-10 m"]},
        "grid": {"k": [48]}, "initial": WARM,
        "field": [{"kind": "pulse", "amplitude": "4 MV/cm", "center": "0.005 ps", "fwhm": "4 fs",
                   "frequency": "200 THz"}],
        "propagation": {"duration": "0.01 ps", "rtol": 1e-9, "atol": 1e-11},
        "output": {"every": "2 fs"}})
    suite.equal("meV, nm, MV/cm, THz: current", other.trace("current"), real.trace("current"),
                1e-12, "the same scenario")
    parabolic = suite.run({"units": "natural", "model": {"kind": "parabolic", "mass": 2.0,
                                                         "k_max": [3.0]},
                           "grid": {"k": [30]},
                           "initial": {"kind": "equilibrium", "temperature": 0.5,
                                       "chemical_potential": 0.2},
                           "propagation": {"duration": 1.0}})
    k = oracle.box_grid(3.0, [30])[:, 0]
    suite.equal("natural parabolic is k^2/2m", parabolic["/model/energy"][:, 0], k**2 / 4, 1e-14,
                "interface")
    suite.write("bare.yaml", json.dumps(scenario({**SSH, "t1": 1.0}, [8], WARM)))
    suite.equal("exit status of a bare number where a unit is due",
                suite.execute(["check", "bare.yaml"]).returncode, 2, 0, "interface")
    suite.write("dimension.yaml", json.dumps(scenario({**SSH, "t1": "1 fs"}, [8], WARM)))
    suite.equal("exit status of a wrong dimension",
                suite.execute(["check", "dimension.yaml"]).returncode, 2, 0, "interface")


def charge(suite):
    """Force = charge E: the sign and the size of the charge."""
    chain = {"kind": "chain", "J": "0.5 eV", "lattice_constant": "3 angstrom"}
    k = 2 * np.pi * np.arange(48) / 48
    f = oracle.fermi(-np.cos(k), -0.6, 3000 / KELVIN)
    # Closed form: J(t) = q (2 J a/hbar) <cos ka> sin(q E a t/hbar), short in the field direction.
    for q in (-1, 1, 2.5):
        result = suite.run({**scenario(chain, [48], WARM,
                                       [{"kind": "constant", "amplitude": "0.01 V/angstrom"}]),
                            "charge": q})
        t = result.trace("time")
        want = q * 3 / oracle.HBAR * np.mean(np.cos(k) * f) * np.sin(q * 0.01 * 3 * t / oracle.HBAR)
        suite.equal(f"charge {q}: current", result.trace("current")[:, 0], want, 1e-9,
                    "closed form, rtol 1e-9")
    suite.above("current along the field, whatever the sign", np.min(result.trace("current")[1:]),
                0.0, "q^2")
    default = suite.run(scenario(chain, [48], WARM,
                                 [{"kind": "constant", "amplitude": "0.01 V/angstrom"}]))
    minus = suite.run({**scenario(chain, [48], WARM,
                                  [{"kind": "constant", "amplitude": "0.01 V/angstrom"}]),
                       "charge": -1})
    suite.equal("default charge is -1", default.trace("current"), minus.trace("current"), 0,
                "bitwise")


def spin(suite):
    """number, energy, entropy, work, current, user observables carry g_s; the rest does not."""
    observables = [{"name": "sz", "matrix": "pauli_z"}, {"name": "j", "current_of": "pauli_x"}]
    one = suite.run(scenario(SSH, [32], WARM, [pulse(0.05)], observables=observables))
    three = suite.run(scenario({**SSH, "spin_degeneracy": 3}, [32], WARM, [pulse(0.05)],
                               observables=observables))
    for name in ("number", "energy", "entropy", "work", "current", "current_intra",
                 "current_inter", "user/sz", "user/j"):
        suite.equal(f"g_s 3: {name} is three times that of 1", three.trace(name),
                    3 * one.trace(name), 1e-9,
                    "carries g_s; so does the work in the error norm, rtol 1e-9")
    for name in ("population", "coherence", "min_f", "min_1mf", "field", "purity"):
        suite.equal(f"g_s 3: {name} is that of 1", three.trace(name), one.trace(name), 1e-9,
                    "does not carry g_s; rtol 1e-9")
    suite.equal("g_s 3: f", three.snapshot(), one.snapshot(), 1e-9,
                "does not carry g_s; rtol 1e-9")
    suite.equal("g_s 3: population_k", three.snapshot("population_k"),
                one.snapshot("population_k"), 1e-9, "does not carry g_s; rtol 1e-9")


def direct_sums(suite):
    """Energy, number, entropy, current, populations of an equilibrium against sums over k."""
    for label, kT, mu in (("warm", 0.2, -0.5), ("cold", 0.01, -0.9), ("T = 0", 0.0, -0.9)):
        initial = {"kind": "equilibrium", "temperature": kelvin(kT),
                   "chemical_potential": f"{mu} eV"}
        result = suite.run(scenario({**SSH, "spin_degeneracy": 2}, [37], initial, duration=1.0))
        h = oracle.ssh(1.0, 0.7, 0.1, 3.0)(2 * np.pi / 3 * np.arange(37)[:, None] / 37)
        energy = np.linalg.eigvalsh(h)
        f = oracle.fermi(energy, mu, kT)
        g = np.clip(f, 1e-300, 1)
        e = np.clip(1 - f, 1e-300, 1)
        entropy = -2 * np.sum(f * np.log(g) + (1 - f) * np.log(e)) / 37
        for name, want in (("number", 2 * f.sum() / 37), ("energy", 2 * (f * energy).sum() / 37),
                           ("entropy", entropy), ("min_f", f.min()), ("min_1mf", (1 - f).min())):
            suite.equal(f"equilibrium, {label}: {name}", result.trace(name), want, 1e-12,
                        "sum over k; no field")
        suite.equal(f"equilibrium, {label}: population", result.trace("population"),
                    f.mean(axis=0), 1e-12, "sum over k")
        suite.equal(f"equilibrium, {label}: coherence between bands",
                    result.trace("coherence")[:, 0, 1], 0.0, 1e-13, "f = f(H)")
        suite.equal(f"equilibrium, {label}: f", result.snapshot()[0],
                    oracle.function_of(h, lambda x, T=kT, m=mu: oracle.fermi(x, m, T)), 1e-12,
                    "f(H), orbital basis")
    for statistics, function, entropy in (
            ("boson", lambda x: 1 / np.expm1(x),
             lambda n: np.sum((1 + n) * np.log(1 + n) - n * np.log(n))),
            ("classical", lambda x: np.exp(-x), None)):
        result = suite.run({**scenario(SSH, [16], {"kind": "equilibrium", "temperature": kelvin(0.5),
                                                   "chemical_potential": "-2.5 eV"}, duration=1.0),
                            "statistics": statistics})
        energy = np.linalg.eigvalsh(oracle.ssh(1.0, 0.7, 0.1, 3.0)(
            2 * np.pi / 3 * np.arange(16)[:, None] / 16))
        n = function((energy + 2.5) / 0.5)
        suite.equal(f"{statistics}: number", result.trace("number"), n.sum() / 16, 1e-12,
                    "sum over k")
        if entropy:
            suite.equal(f"{statistics}: entropy", result.trace("entropy"), entropy(n) / 16, 1e-12,
                        "Tr[(1+f) ln(1+f) - f ln f]")


def fillings(suite):
    """filling per cell and spin, density per volume with spins, bands; more than one band."""
    square = {"kind": "square", "J": "0.3 eV", "lattice_constant": "4 angstrom",
              "spin_degeneracy": 2}
    for kT in (0.05, 0.0):
        for want, key, value in ((2 * 0.3, "filling", 0.3),
                                 (0.5, "density", f"{0.5 / 16!r} angstrom^-2"),
                                 (0.5, "density", f"{0.5 / 16 * 1e16!r} cm^-2")):
            initial = {"kind": "equilibrium", "temperature": kelvin(kT), key: value}
            result = suite.run(scenario(square, [20, 20], initial, duration=1.0))
            suite.equal(f"{key} {value}, kT = {kT} eV: number per cell, g_s = 2",
                        result.trace("number"), want, 1e-10, "what was asked for")
    for initial, want in (({"kind": "bands", "occupation": [1, 0]}, [1, 0]),
                          ({"kind": "bands", "occupation": [0.25, 0.75]}, [0.25, 0.75]),
                          ({"kind": "equilibrium", "temperature": "0 K", "filling": 1.0}, [1, 0]),
                          ({"kind": "equilibrium", "temperature": "0 K", "filling": 2.0}, [1, 1])):
        result = suite.run(scenario(SSH, [24], initial, duration=1.0))
        suite.equal(f"{json.dumps(initial)}: populations at each k",
                    result.snapshot("population_k")[0], np.broadcast_to(want, (24, 2)), 1e-12,
                    "the same at each k")
    excited = {"kind": "excited", "temperature": kelvin(0.1), "chemical_potential": "0 eV",
               "energy": "0.9 eV", "width": "0.2 eV", "amplitude": 0.4}
    for amplitude in (0.4, -0.7):
        result = suite.run(scenario(SSH, [24], {**excited, "amplitude": amplitude}, duration=1.0))
        energy = result["/model/energy"]
        f = oracle.fermi(energy, 0.0, 0.1)
        g = amplitude * np.exp(-(energy - 0.9)**2 / (2 * 0.2**2))
        suite.equal(f"excited, amplitude {amplitude}", result.snapshot("population_k")[0],
                    f + g * (1 - f) if amplitude > 0 else f + g * f, 1e-12, "describe initial")
    # A snapshot of one run starts the next.
    first = suite.run(scenario(SSH, [24], WARM, [pulse(0.05)]))
    again = suite.run(scenario(SSH, [24], {"kind": "file", "file": os.path.basename(first.path)},
                               duration=1.0))
    suite.equal("initial state from a file", again.snapshot()[0], first.snapshot()[-1], 1e-14,
                "Hermitian part of the last snapshot")


def gaussian(suite):
    """Number, <k>, spread 1/(2 width) and pure band of the packet."""
    width, momentum = 25.0, [0.12, -0.05]
    model = {"kind": "rashba", "mass": 0.3, "alpha": "0.8 eV angstrom", "gap": "0.3 eV",
             "k_max": ["0.3 1/angstrom"], "spin_degeneracy": 2}
    points = [64, 64]
    k = oracle.flat(oracle.box_grid(0.3, points))
    c = oracle.HBAR2_2M / 0.3

    def hamiltonian(q):
        return oracle.two_band(c * np.sum(q**2, axis=1), -0.8 * q[:, 1], 0.8 * q[:, 0], 0.3)

    for band in (0, 1):
        result = suite.run(scenario(model, points, {
            "kind": "gaussian", "band": band, "momentum": [f"{x} 1/angstrom" for x in momentum],
            "width": f"{width} angstrom", "number": 0.004}, duration=1.0))
        suite.equal(f"gaussian, band {band}: number", result.trace("number"), 0.004, 1e-14,
                    "number, spins included")
        f = result.snapshot()[0].reshape(-1, 2, 2)
        suite.equal(f"gaussian, band {band}: sum of Tr f", np.einsum("kii->k", f).real.mean(),
                    0.002, 1e-14, "f carries number/g_s")
        projector = oracle.band_projector(hamiltonian(k), band)
        suite.equal(f"gaussian, band {band}: all of it in the band", projector @ f @ projector, f,
                    1e-12, "psi ~ P_n(k) u_n(k_0)")
        u = np.linalg.eigh(hamiltonian(np.array([momentum])))[1][0, :, band]
        weight = (np.einsum("i,kij,j->k", u.conj(), projector, u).real
                  * np.exp(-2 * width**2 * np.sum((k - momentum)**2, axis=1)))
        weight *= 0.002 / weight.mean()
        got = np.einsum("kii->k", f).real
        suite.equal(f"gaussian, band {band}: |psi(k)|^2", got, weight, 1e-12 * weight.max(),
                    "|P_n(k) u_n(k_0)|^2 exp(-2 width^2 (k - k_0)^2)")
    # Where the band does not turn, the moments are those of the Gaussian.
    flat = {"kind": "parabolic", "mass": 1.0, "k_max": ["0.3 1/angstrom"]}
    result = suite.run(scenario(flat, points, {
        "kind": "gaussian", "momentum": [f"{x} 1/angstrom" for x in momentum],
        "width": f"{width} angstrom", "number": 0.004}, duration=1.0))
    f = result.snapshot()[0].reshape(-1).real
    mean = (f[:, None] * k).sum(axis=0) / f.sum()
    spread = np.sqrt((f[:, None] * (k - mean)**2).sum(axis=0) / f.sum())
    suite.equal("gaussian, one band: <k>", mean, momentum, 1e-12, "centered at k_0")
    suite.equal("gaussian, one band: spread of k", spread, 1 / (2 * width), 1e-12,
                "1/(2 width)")


def directions(suite):
    """Cartesian, normalized; the weak-field current of graphene does not know directions."""
    graphene = {"kind": "graphene", "t": "2.7 eV", "lattice_constant": "2.46 angstrom",
                "spin_degeneracy": 2}
    warm = {"kind": "equilibrium", "temperature": "3000 K", "chemical_potential": "0.2 eV"}
    amplitude = 1e-5

    def current(direction, strength=amplitude):
        return suite.run(scenario(graphene, [48, 48], warm, [pulse(strength, direction)], 8.0,
                                  0.5, rtol=1e-10)).trace("current")

    x = current([1, 0])
    size = np.max(np.abs(x))
    suite.equal("graphene, field along x: no current along y", x[:, 1], 0.0, 1e-7 * size,
                "mirror; second order in the field")
    for angle in (90, 60, 17):
        e = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        got = current(e.tolist())
        suite.equal(f"graphene, field at {angle} degrees: current along it", got @ e, x[:, 0],
                    1e-5 * size, "C3: an isotropic tensor; third order in the field, 48^2 points")
        suite.equal(f"graphene, field at {angle} degrees: current across", got @ [-e[1], e[0]],
                    0.0, 1e-5 * size, "the same")
    suite.equal("direction [3, 0] is [1, 0]", current([3, 0]), x, 1e-14 * size, "normalized")
    suite.equal("direction [-2, 0] is minus [1, 0]", current([-2, 0]), current([1, 0], -amplitude),
                1e-14 * size, "normalized")
    suite.equal("default direction is x", current(None), x, 0, "first axis, bitwise")
    # k points of a lattice are Cartesian too.
    result = suite.run(scenario(graphene, [6, 4], warm, duration=1.0))
    suite.equal("graphene: k points", result["/grid/k"],
                oracle.zone_grid(oracle.graphene_vectors(2.46), [6, 4]), 1e-14,
                "a1 = a (1, 0), a2 = a (1/2, sqrt(3)/2)")
    # Two pulses at right angles add up.
    both = suite.run(scenario(graphene, [24, 24], warm, [pulse(0.03, [1, 0]), pulse(0.03, [0, 1])],
                              8.0)).trace("current")
    one = suite.run(scenario(graphene, [24, 24], warm, [pulse(0.03 * np.sqrt(2), [1, 1])],
                             8.0)).trace("current")
    suite.equal("fields along x and y add up to one along [1, 1]", both, one,
                1e-8 * np.max(np.abs(one)), "the sum of the list; rtol 1e-9")


def models(suite):
    """Bands and H of each lattice model, and velocities as derivatives, against own formulas."""
    a = 2.46
    cases = {
        "ssh": (SSH, oracle.ssh(1, 0.7, 0.1, 3.0), [[3.0]], [[0.0], [1.3]]),
        "graphene": ({"kind": "graphene", "t": "2.7 eV", "mass": "0.3 eV",
                      "lattice_constant": f"{a} angstrom"}, oracle.graphene(2.7, 0.3, a),
                     oracle.graphene_vectors(a), [[0, 0], [a / 2, a / np.sqrt(12)]]),
        "haldane": ({"kind": "haldane", "t": "1 eV", "mass": "0.3 eV", "t2": "0.2 eV",
                     "phase": "0.6 rad", "lattice_constant": f"{a} angstrom"},
                    oracle.graphene(1.0, 0.3, a, 0.2, 0.6), oracle.graphene_vectors(a),
                    [[0, 0], [a / 2, a / np.sqrt(12)]]),
        "chain": ({"kind": "chain", "J": "0.4 eV", "lattice_constant": "3 angstrom"},
                  oracle.chain(0.4, 3.0), [[3.0]], [[0.0]]),
        "cubic": ({"kind": "cubic", "J": "0.4 eV", "lattice_constant": "3 angstrom"},
                  oracle.chain(0.4, 3.0), 3 * np.eye(3), [[0.0] * 3])}
    for name, (model, h, vectors, positions) in cases.items():
        vectors = np.array(vectors, dtype=float)
        d = len(vectors)
        grid = [11, 7, 5][:d]
        result = suite.run(scenario(model, grid, WARM, duration=1.0))
        k = oracle.flat(oracle.zone_grid(vectors, grid))
        b = h(k).shape[-1]
        suite.equal(f"{name}: energies", result["/model/energy"].reshape(-1, b),
                    np.linalg.eigvalsh(h(k)), 1e-12, "eV")
        s = result["/model/eigenvector"].reshape(-1, b, b)
        suite.equal(f"{name}: S E S^+ is H in the orbital basis",
                    (s * result["/model/energy"].reshape(-1, 1, b)) @ oracle.dagger(s), h(k),
                    1e-12, "eV")
        for axis in range(d):
            r = np.diag(np.array(positions)[:, axis]).astype(complex)
            suite.equal(f"{name}: velocity along {'xyz'[axis]}",
                        result["/model/velocity"][..., axis, :, :].reshape(-1, b, b),
                        oracle.velocity(h, k, axis, r, step=2e-3), 1e-9,
                        "dH/dk + i [H, r], sixth-order difference; angstrom/fs")


def degenerate(suite):
    """Nothing depends on which eigenvectors of a degenerate level come out."""
    # graphene on a grid with the Dirac points, without a gap.
    graphene = {"kind": "haldane", "t": "1 eV", "mass": "0 eV", "t2": "0 eV", "phase": "0 rad",
                "lattice_constant": "2.46 angstrom"}
    n = 12
    result = suite.run(scenario(graphene, [n, n], {"kind": "bands", "occupation": [1, 0]},
                                [{"kind": "kick", "impulse": "0.03 V fs/angstrom"}], 4.0))
    first = result.snapshot("population_k")[0].reshape(-1, 2)
    energy = result["/model/energy"].reshape(-1, 2)
    point = np.flatnonzero(energy[:, 1] - energy[:, 0] < 1e-9)
    suite.equal("Dirac points on the grid", len(point), 2, 0, "K and K'")
    suite.equal("band 0 filled: populations at the Dirac points", first[point], 0.5, 1e-12,
                "one projector for both, split equally")
    suite.equal("band 0 filled: f at the Dirac points",
                result.snapshot()[0].reshape(-1, 2, 2)[point],
                np.broadcast_to(np.eye(2) / 2, (2, 2, 2)), 1e-12, "half the unit matrix")
    suite.equal("populations at the Dirac points stay equal",
                np.ptp(result.snapshot("population_k")[-1].reshape(-1, 2)[point], axis=1), 0.0,
                1e-12, "split equally at any time")
    zero = suite.run(scenario(graphene, [n, n], {"kind": "equilibrium", "temperature": "0 K",
                                                 "filling": 1.0}, duration=1.0))
    suite.equal("graphene, filling 1, T = 0: number", zero.trace("number"), 1.0, 1e-12,
                "half of the level at the Dirac points")
    suite.equal("graphene, filling 1, T = 0: f at the Dirac points",
                zero.snapshot()[0].reshape(-1, 2, 2)[point],
                np.broadcast_to(np.eye(2) / 2, (2, 2, 2)), 1e-12, "half the unit matrix")

    # Two copies of a Rice-Mele chain, mixed by a fixed rotation: every band twice.
    rng = np.random.default_rng(1)
    mix = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
    copy_to = np.kron(mix, np.eye(2))
    single = {0: np.array([[0.1, 1.0], [1.0, -0.1]]), -1: np.array([[0, 0.7], [0, 0]]),
              1: np.array([[0, 0], [0.7, 0]])}

    def matrix(values):
        return [[f"{x!r} eV" for x in row] for row in values.tolist()]

    def inline(matrices):
        return {"kind": "tight_binding", "lattice_vectors": [["3 angstrom"]],
                "hoppings": [{"R": [r], "re": matrix(m.real), "im": matrix(m.imag + 0.0)}
                             for r, m in matrices.items()]}

    field = [pulse(0.08)]
    ones = suite.run(scenario(inline({r: m.astype(complex) for r, m in single.items()}), [32],
                              WARM, field))
    ssh = suite.run(scenario({**SSH, "positions": ["0 angstrom", "0 angstrom"]}, [32], WARM,
                             field))
    for name in ("energy", "current", "population", "coherence", "entropy"):
        suite.equal(f"tight_binding list of a Rice-Mele chain: {name}", ones.trace(name),
                    ssh.trace(name), 1e-10, "the same H")
    for label, rotation in (("two copies", np.eye(4)), ("two copies, mixed", copy_to)):
        twice = suite.run(scenario(inline({
            r: rotation @ np.kron(np.eye(2), m) @ rotation.conj().T
            for r, m in single.items()}), [32], WARM, field))
        for name in ("number", "energy", "work", "entropy", "current", "current_intra",
                     "current_inter"):
            suite.equal(f"{label}: {name} is twice that of one", twice.trace(name),
                        2 * ones.trace(name), 1e-8, "no dependence on eigenvectors; rtol 1e-9")
        population = twice.trace("population")
        suite.equal(f"{label}: populations, in equal pairs", population,
                    np.repeat(ones.trace("population"), 2, axis=1), 1e-9, "split equally")
        coherence = twice.trace("coherence")
        suite.equal(f"{label}: coherence inside a pair", [coherence[:, 0, 1], coherence[:, 2, 3]],
                    0.0, 1e-12, "counted only between groups")
        # How the coherence is spread over the four pairs must not depend on the mixture.
        total = np.sqrt(np.sum(coherence[:, :2, 2:]**2, axis=(1, 2)))
        if label == "two copies":
            reference = coherence
        else:
            suite.equal(f"{label}: coherence between the pairs, against unmixed copies",
                        coherence, reference, 1e-9, "nothing depends on eigenvectors")
        suite.above(f"{label}: total coherence between the pairs", np.max(total), 0.01,
                    "else nothing is tested")


def stationary(suite):
    """Without a field equilibrium does not move, in any model, by any scheme."""
    graphene = {"lattice_constant": "2.46 angstrom"}
    cases = {
        "ssh": (SSH, [32]),
        "haldane": ({"kind": "haldane", "t": "1 eV", "mass": "0.2 eV", "t2": "0.1 eV",
                     "phase": "0.5 rad", **graphene}, [12, 12]),
        "cubic": ({"kind": "cubic", "J": "0.3 eV", "lattice_constant": "3 angstrom"}, [6, 6, 6]),
        "rashba": ({"kind": "rashba", "mass": 0.4, "alpha": "0.5 eV angstrom",
                    "k_max": ["0.4 1/angstrom"]}, [16, 16]),
        "dirac1d": ({"kind": "dirac1d", "velocity": "5 angstrom/fs", "gap": "0.2 eV",
                     "k_max": ["0.5 1/angstrom"]}, [64])}
    for name, (model, grid) in cases.items():
        # Explicit steps amplify rounding until the error test sees it.
        for scheme, tolerance, why in (("interaction", 1e-11, "[H, f(H)] = 0, to rounding"),
                                       ("unsplit", 1e-8, "10 rtol")):
            run = scenario(model, grid, WARM, duration=100.0)
            run["propagation"]["scheme"] = scheme
            result = suite.run(run)
            suite.equal(f"{name}, {scheme}: f after 100 fs", result.snapshot()[-1],
                        result.snapshot()[0], tolerance, why)
            suite.equal(f"{name}, {scheme}: work", result.trace("work"), 0.0, 1e-14, "no field")


if __name__ == "__main__":
    main([units, charge, spin, direct_sums, fillings, gaussian, directions, models, degenerate,
          stationary])
