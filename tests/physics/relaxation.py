#!/usr/bin/python3
"""Collisions: relaxation to the Fermi function of the lattice, golden rule, two schemes, Esaki-Tsu.

The kernels of physics: K^<_q(x) is 2 pi g^2 [(N+1) d(x+w) + N d(x-w)] broadened (x the energy gained in
scattering in), K^>(x) = K^<(-x), and populations that are diagonal change at the rate

    df_nk/dt = (1/hbar N_k) sum_k'm sum_a |<nk|M_a|mk'>|^2 [K^<(e-e') f' (1-f) - K^>(e-e') (1-f') f]."""

import os
import sys

import numpy as np
from scipy.optimize import brentq
from scipy.special import ive

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

A = 5.0  # angstrom
BATH = 900.0  # K
KT = oracle.BOLTZMANN * BATH


def ssh_model(t1, t2, mass):
    return ({"kind": "ssh", "t1": f"{t1} eV", "t2": f"{t2} eV", "mass": f"{mass} eV",
             "lattice_constant": f"{A} angstrom", "positions": ["0 angstrom", "2 angstrom"]},
            oracle.ssh(t1, t2, mass, A))


def odd_pulse(amplitude):
    """Of zero impulse by symmetry, so that the frame returns to the grid of the model."""
    return {"kind": "pulse", "amplitude": f"{amplitude} V/angstrom", "center": "50 fs",
            "fwhm": "12 fs", "frequency": "0.06 1/fs", "phase": float(np.pi / 2)}


def phonon(energy, coupling, **keys):
    return {"kind": "phonon", "energy": f"{energy} eV", "coupling": f"{coupling} eV",
            "temperature": f"{BATH} K", **keys}


def filled(levels, number):
    """Fermi function at the temperature of the bath that holds `number` per k."""
    mu = brentq(lambda x: np.sum(oracle.fermi(levels, x, KT)) / len(levels) - number, -20, 20,
                xtol=1e-15, rtol=1e-15)
    return oracle.fermi(levels, mu, KT)


def run(suite, model, n_k, collisions, duration, rtol=1e-8, field=(), every=None, **more):
    initial = more.pop("initial", {"kind": "equilibrium", "temperature": "500 K", "filling": 0.9})
    snapshots = more.pop("snapshots", duration)
    return suite.run({
        "model": model, "grid": {"k": n_k}, "initial": initial, "field": list(field),
        "collisions": collisions, **more.pop("root", {}),
        "propagation": {"duration": f"{duration} fs", "rtol": rtol, "atol": rtol / 100, **more},
        "output": {"every": f"{every or duration} fs", "snapshots": {"every": f"{snapshots} fs"}}})


def conserved(suite, name, result):
    number = result.trace("number")
    suite.equal(f"{name}: number", number, np.full_like(number, number[0]), 1e-11,
                "every scattering out is a scattering in; rounding over the steps")


def one_sea(suite):
    """The gap, 0.11 eV, is below the phonon energy: both bands reach one Fermi function, matrix
    elements included."""
    model, hamiltonian = ssh_model(0.25, 0.20, 0.03)
    n_k = 32
    result = run(suite, model, [n_k],
                 {"ansatz": "matrix", "broadening": "0.02 eV",
                  "terms": [phonon(0.16, 0.12), phonon(0.06, 0.06)]},
                 3000.0, field=[odd_pulse(0.03)], every=25.0)
    conserved(suite, "one sea", result)
    h = hamiltonian(oracle.flat(oracle.zone_grid([[A]], [n_k])))
    levels, s = np.linalg.eigh(h)
    want = (s * filled(levels, 0.9)[:, None, :]) @ oracle.dagger(s)
    suite.equal("one sea: f at the end", result.snapshot()[-1], want, 1e-6,
                "Fermi function of the bath, exactly stationary; the rest is the tolerance and e^-rt")
    energy = np.mean(np.real(np.einsum("kab,kba->k", h, want)))
    suite.equal("one sea: energy at the end", result.trace("energy")[-1], energy, 1e-6, "the same")
    start, top = result.trace("population")[0, 1], np.max(result.trace("population")[:, 1])
    suite.above("one sea: carriers that the pulse makes", top - start, 0.03, "otherwise no relaxation")


def two_seas(suite):
    """No phonon bridges the gap of 0.8 eV: each band keeps its particles and finds its own chemical
    potential. The coherences of `diagonal` do not scatter and are left out."""
    model, hamiltonian = ssh_model(0.5, 0.3, 0.35)
    n_k = 48
    result = run(suite, model, [n_k],
                 {"ansatz": "diagonal", "broadening": "0.02 eV",
                  "terms": [phonon(0.1, 0.1), phonon(0.06, 0.05)]},
                 3500.0, field=[odd_pulse(0.15)], every=50.0)
    conserved(suite, "two seas", result)
    levels = np.linalg.eigvalsh(hamiltonian(oracle.flat(oracle.zone_grid([[A]], [n_k]))))
    population = result.trace("population")
    after = population[result.trace("time") >= 100]
    suite.equal("two seas: population of a band after the pulse", after,
                np.broadcast_to(after[0], after.shape), 1e-8,
                "kernels at the gap are e^-500; tolerance of the integrator")
    suite.above("two seas: carriers", population[-1, 1], 0.01, "otherwise one chemical potential does")
    final = result.snapshot("population_k")[-1]
    for band in range(2):
        suite.equal(f"two seas: band {band} at the end", final[:, band],
                    filled(levels[:, band:band + 1], population[-1, band])[:, 0], 1e-6,
                    "Fermi function of the bath and of the particles of this band")


def gauss(x, sigma):
    return np.exp(-0.5 * (x / sigma)**2) / (np.sqrt(2 * np.pi) * sigma)


def kernel_in(term, sigma, x):
    """K^<(x), of a phonon or of impurities."""
    if term["kind"] == "impurity":
        return 2 * np.pi * float(term["strength"].split()[0])**2 * gauss(x, sigma)
    g2, w = float(term["coupling"].split()[0])**2, float(term["energy"].split()[0])
    n = 1 / np.expm1(w / KT)
    if term.get("kernel") == "shifted":
        a = sigma**2 / (2 * KT)
        return 2 * np.pi * g2 * ((n + 1) * gauss(x + w + a, sigma) + n * gauss(x - w + a, sigma))
    near = np.abs(x) < 1e-9
    y = np.where(near, 1, x)
    line = (gauss(y - w, sigma) - gauss(y + w, sigma)) / np.expm1(y / KT)
    return 2 * np.pi * g2 * np.where(near, gauss(w, sigma) * 2 * w * KT / sigma**2, line)


def golden_rule(suite):
    """The slope at t = 0 for populations without coherences: nothing else enters at first order."""
    model, hamiltonian = ssh_model(0.25, 0.20, 0.03)
    n_k, sigma, step = 40, 0.03, 0.05
    k = oracle.flat(oracle.zone_grid([[A]], [n_k]))
    levels, s = np.linalg.eigh(hamiltonian(k))
    f = np.tile([0.7, 0.2], (n_k, 1))
    x = levels[:, :, None, None] - levels[None, None]
    difference = k[:, 0][:, None] - k[:, 0][None]
    q = (difference + np.pi / A) % (2 * np.pi / A) - np.pi / A
    q0 = 0.3
    vertices = {"onsite": [np.diag([1, 0]), np.diag([0, 1])], "scalar": [np.eye(2)]}
    cases = {
        "phonon, spectral": phonon(0.16, 0.06),
        "phonon, shifted": phonon(0.16, 0.06, kernel="shifted"),
        "phonon, scalar, Gaussian form": phonon(0.16, 0.06, vertex="scalar",
                                                form={"kind": "gaussian", "q0": f"{q0} 1/angstrom"}),
        "impurity": {"kind": "impurity", "strength": "0.05 eV", "vertex": "onsite"},
    }
    for name, term in cases.items():
        overlap = sum(np.abs(np.einsum("kan,ab,qbm->knqm", np.conj(s), m, s))**2
                      for m in vertices[term.get("vertex", "onsite")])
        weight = np.exp(-q**2 / (2 * q0**2)) if "form" in term else np.ones_like(q)
        weight = weight[:, None, :, None] * overlap / (oracle.HBAR * n_k)
        here, there = f[:, :, None, None], f[None, None]
        rate = np.sum(weight * (kernel_in(term, sigma, x) * there * (1 - here)
                                - kernel_in(term, sigma, -x) * (1 - there) * here), axis=(2, 3))
        for method in ("direct", "fft"):
            result = run(suite, model, [n_k],
                         {"ansatz": "matrix", "method": method, "broadening": f"{sigma} eV",
                          "terms": [term]}, 6 * step, rtol=1e-11, snapshots=step,
                         initial={"kind": "bands", "occupation": [0.7, 0.2]})
            p = result.snapshot("population_k")
            # One-sided difference of sixth order.
            slope = np.tensordot(np.array([-147, 360, -450, 400, -225, 72, -10]) / (60 * step), p,
                                 axes=1)
            suite.equal(f"golden rule, {name}, {method}: slope over its largest",
                        slope / np.max(np.abs(rate)), rate / np.max(np.abs(rate)), 1e-6,
                        "difference formula and rounding of f over the step")


def schemes(suite):
    """The pulse carries the state over the grid while it scatters."""
    model, _ = ssh_model(0.25, 0.20, 0.06)
    collisions = {"ansatz": "matrix", "broadening": "0.04 eV", "kinetic_corrections": True,
                  "terms": [phonon(0.16, 0.08, form={"kind": "gaussian", "q0": "0.4 1/angstrom"}),
                            {"kind": "impurity", "strength": "0.03 eV", "vertex": "onsite"}]}
    pulse = {"kind": "pulse", "amplitude": "0.03 V/angstrom", "center": "20 fs", "fwhm": "12 fs",
             "frequency": "0.03 1/fs", "phase": 0.3}
    for name, chosen in (("matrix", collisions),
                         ("t1_t2", {"ansatz": "t1_t2", "t1": "40 fs", "t2": "15 fs"})):
        for rtol in (1e-5, 1e-7):
            states = [run(suite, model, [96], chosen, 40.0, rtol=rtol, field=[pulse], scheme=scheme,
                          snapshots=10.0,
                          initial={"kind": "equilibrium", "temperature": "1500 K", "filling": 0.9})
                      for scheme in ("interaction", "unsplit")]
            suite.below(f"schemes, {name}: |f_interaction - f_unsplit| at rtol {rtol:g}",
                        np.max(np.abs(states[0].snapshot() - states[1].snapshot())), 200 * rtol,
                        "200 rtol, as without collisions")
            if name == "matrix":
                conserved(suite, f"schemes, rtol {rtol:g}", states[0])
        suite.above(f"schemes, {name}: largest change of f",
                    np.max(np.abs(states[0].snapshot() - states[0].snapshot()[0])), 0.05,
                    "otherwise nothing is tested")


def esaki_tsu(suite):
    """Drift velocity of classical carriers in a cosine band:
    v = v0 [w tau/(1 + w^2 tau^2)] I1(2J/kT)/I0(2J/kT), v0 = 2 J a/hbar, w = F a/hbar."""
    hopping, tau, temperature, filling = 0.04, 25.0, 400.0, 0.3
    x = 2 * hopping / (oracle.BOLTZMANN * temperature)
    for field in (0.0008, 0.005, 0.02):
        w = field * A / oracle.HBAR
        want = (2 * hopping * A / oracle.HBAR) * w * tau / (1 + (w * tau)**2) * ive(1, x) / ive(0, x)
        result = run(suite, {"kind": "chain", "J": f"{hopping} eV",
                             "lattice_constant": f"{A} angstrom"}, [64],
                     {"ansatz": "bgk", "tau": f"{tau} fs"}, 700.0,
                     field=[{"kind": "constant", "amplitude": f"{field} V/angstrom"}],
                     initial={"kind": "equilibrium", "temperature": f"{temperature} K",
                              "filling": filling}, root={"statistics": "classical"})
        velocity = result.trace("current")[-1, 0] / result.trace("number")[-1]
        # Electrons drift against E; their current is along it.
        suite.equal(f"Esaki-Tsu, w tau = {w * tau:.3g}: drift velocity over the closed form",
                    velocity / want, 1, 1e-6, "e^-28 after 28 tau; tolerance of the integrator")
        conserved(suite, f"Esaki-Tsu, w tau = {w * tau:.3g}", result)


if __name__ == "__main__":
    main([one_sea, two_seas, golden_rule, schemes, esaki_tsu])
