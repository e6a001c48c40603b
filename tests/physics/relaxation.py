#!/usr/bin/python3
"""Collisions: relaxation to the Fermi function of the lattice, golden rule, second law, two schemes,
Esaki-Tsu.

The kernels of physics: K^<_q(x) is 2 pi g^2 [(N+1) d(x+w) + N d(x-w)] broadened (x the energy gained in
scattering in), K^>(x) = K^<(-x), and populations that are diagonal change at the rate

    df_nk/dt = (1/hbar N_k) sum_k'm sum_a |<nk|M_a|mk'>|^2 [K^<(e-e') f' (1-f) - K^>(e-e') (1-f') f]."""

import os
import sys

import h5py
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
            slope = slope_at_start(p, step)
            suite.equal(f"golden rule, {name}, {method}: slope over its largest",
                        slope / np.max(np.abs(rate)), rate / np.max(np.abs(rate)), 1e-6,
                        "difference formula and rounding of f over the step")


def slope_at_start(snapshots, step):
    """One-sided difference of sixth order from the snapshots 0, 1, ..., 6."""
    return np.tensordot(np.array([-147, 360, -450, 400, -225, 72, -10]) / (60 * step), snapshots[:7],
                        axes=1)


def single_carrier(suite, n_k, hopping, index):
    """A result file in which one point of a chain is occupied, to begin runs from."""
    empty = run(suite, {"kind": "chain", "J": f"{hopping} eV", "lattice_constant": f"{A} angstrom"},
                [n_k], {}, 1.0, initial={"kind": "bands", "occupation": [0]},
                root={"statistics": "classical"})
    with h5py.File(empty.path, "r+") as file:
        f = np.zeros(file["/snapshots/f"].shape, file["/snapshots/f"].dtype)
        f[-1, index] = 1
        file["/snapshots/f"][...] = f
    return empty.path


def test_carrier(suite):
    """Emission and absorption by one classical carrier in a cosine band against
    (2 pi/hbar) g^2 rho(e -+ w) (N + 1 or N), rho(e) = 1/(pi sqrt(4 J^2 - e^2)) per cell.

    What arrives below the carrier was emitted, what arrives above it was absorbed. Both kernels tend to
    the sharp line with an error of sigma^2: with sigma, sigma/2 and sigma/4 two steps of Richardson's
    extrapolation leave sigma^6."""
    hopping, omega, g, n_k, index = 0.3, 0.1, 0.02, 2048, 460
    model = {"kind": "chain", "J": f"{hopping} eV", "lattice_constant": f"{A} angstrom"}
    energy = -2 * hopping * np.cos(2 * np.pi * np.arange(n_k) / n_k)
    here = energy[index]
    path = single_carrier(suite, n_k, hopping, index)

    def density(e):
        return 1 / (np.pi * np.sqrt(4 * hopping**2 - e**2))

    def rates(temperature, sigma, kernel, start=path, at=here, step=1.0):
        term = {**phonon(omega, g, kernel=kernel), "temperature": f"{temperature} K"}
        result = run(suite, model, [n_k], {"ansatz": "matrix", "broadening": f"{sigma} eV",
                                           "terms": [term]}, 6 * step, rtol=1e-10, atol=1e-16,
                     snapshots=step, initial={"kind": "file", "file": start},
                     root={"statistics": "classical"})
        slope = slope_at_start(result.snapshot("population_k")[..., 0], step)
        # The carrier stays where it is in elastic collisions; its mirror image at -k does not count.
        return np.sum(slope[energy < at - 1e-9]), np.sum(slope[energy > at + 1e-9])

    n = 1 / np.expm1(omega / KT)
    sharp = 2 * np.pi * g**2 / oracle.HBAR
    want = {"emission": sharp * (n + 1) * density(here - omega),
            "absorption": sharp * n * density(here + omega)}
    sigmas = [min(omega, KT) / d for d in (4, 8, 16)]
    # n_B has a pole at zero, kT/x: the line of standard deviation sigma about w makes a term
    # 15 (kT/w)(sigma/w)^6 of it, of which the extrapolation leaves 1/64.
    left = 15 * KT / omega * (sigmas[0] / omega)**6 / 64
    why = "twice the term of sigma^6 that the pole of the Bose function leaves"
    tolerances = {("spectral", "emission"): (2 * left / (n + 1), why),
                  ("spectral", "absorption"): (2 * left / n, why)}
    tolerances.update({("shifted", process): (
        1e-7, "15 (sigma/d)^6/64 = 3e-9, d = 0.4 eV to the edge of the band; tolerance of the integrator")
                       for process in want})
    for kernel in ("spectral", "shifted"):
        got = np.array([rates(BATH, sigma, kernel) for sigma in sigmas])
        for i, process in enumerate(want):
            error = got[:, i] / want[process] - 1
            name = f"test carrier, {process}, {kernel}"
            suite.equal(f"{name}: order in sigma", np.log2(error[1] / error[2]), 2, 0.1,
                        "a line that is symmetric or moved by sigma^2; the next order is sigma^4")
            first = (4 * error[1:] - error[:-1]) / 3
            second = (16 * first[1] - first[0]) / 15
            tolerance, why = tolerances[kernel, process]
            suite.equal(f"{name}: rate over the closed form, sigma -> 0 (at sigma "
                        f"{', '.join(f'{1 + e:.6f}' for e in error)})", 1 + second, 1, tolerance, why)

    # Cold lattice: carriers above the phonon energy emit, those below cannot. The Bose function is a
    # step, so that `spectral` is exact up to the curvature of rho; `shifted` needs sigma below kT.
    sigma = omega / 16
    emitted, absorbed = rates(10.0, sigma, "spectral")
    suite.equal("test carrier, 10 K: emission over the closed form",
                emitted / (sharp * density(here - omega)), 1,
                sigma**2 / (4 * hopping**2 - (abs(here) + omega + 4 * sigma)**2),
                "sigma^2 rho''/(2 rho), and rho'' is below 2 rho/(4 J^2 - e^2) on the line")
    suite.below("test carrier, 10 K: absorption over emission", abs(absorbed / emitted), 1e-12,
                "N = e^-116, and e^-128 of the line reaches beyond the energy of the carrier")
    low = int(np.argmin(np.abs(energy[:n_k // 2] - (energy[0] + 0.6 * omega))))
    cold, _ = rates(10.0, sigma, "spectral", single_carrier(suite, n_k, hopping, low), energy[low])
    suite.equal("test carrier, 10 K: emission 0.4 w below the threshold over that above, in 1e-9",
                1e9 * cold / emitted,
                1e9 * np.mean(gauss(energy[low] - energy - omega, sigma)) / density(here - omega), 0.01,
                "the wing of the line, e^-(0.4 w)^2/2 sigma^2 = 1e-9 times the densities of states; sigma^2 "
                "in the rate above, rounding of the kernel 1e-13")


def entropy(suite):
    """The second law: under `diagonal` the entropy of the electrons plus that of the bath, which takes
    the heat -dE at kT, never falls,

        dS/dt + (dQ/dt)/kT = (1/2) sum (a - b) ln(a/b) >= 0,  a = W f(1 - f'), b = W' f'(1 - f).

    This needs detailed balance of every pair. At the end it is the sum for the Fermi function."""
    model, hamiltonian = ssh_model(0.25, 0.20, 0.03)
    n_k, number = 32, 0.9
    levels = np.linalg.eigvalsh(hamiltonian(oracle.flat(oracle.zone_grid([[A]], [n_k]))))
    for kernel in ("spectral", "shifted"):
        result = run(suite, model, [n_k],
                     {"ansatz": "diagonal", "broadening": "0.02 eV",
                      "terms": [phonon(0.16, 0.12, kernel=kernel), phonon(0.06, 0.06, kernel=kernel)]},
                     4000.0, every=5.0, initial={"kind": "bands", "occupation": [0.15, 0.75]})
        energy, s = result.trace("energy"), result.trace("entropy")
        total = s - (energy - energy[0]) / KT
        suite.above(f"second law, {kernel}: least step of S + Q/kT", np.min(np.diff(total)), -1e-11,
                    "rounding; errors of f enter squared at the maximum, before it a step makes more")
        suite.above(f"second law, {kernel}: first step", total[1] - total[0], 1e-3,
                    "otherwise nothing is produced")
        suite.above(f"second law, {kernel}: S alone, largest fall", np.max(s) - s[-1], 0.1,
                    "otherwise the heat is not needed")
        f = filled(levels, number)
        want = (-np.sum(f * np.log(f) + (1 - f) * np.log1p(-f))
                - np.sum((f - [0.15, 0.75]) * levels) / KT) / n_k
        suite.equal(f"second law, {kernel}: S + Q/kT at the end", total[-1], want, 1e-9,
                    "Fermi function of the bath, its maximum: errors of f enter squared")


def kinetic_corrections(suite):
    """With kappa = 1 the bath also shifts the levels: the state in the end differs from the Fermi
    function of H by g^2 times a matrix, and by g^4 of the next order."""
    model, hamiltonian = ssh_model(0.25, 0.20, 0.03)
    n_k = 12
    h = hamiltonian(oracle.flat(oracle.zone_grid([[A]], [n_k])))
    levels, s = np.linalg.eigh(h)
    want = (s * filled(levels, 0.9)[:, None, :]) @ oracle.dagger(s)
    away = []
    for g in (0.04, 0.02, 0.01):
        # The rates are those of g^2, so that all are equally near to the end.
        duration = 2000.0 * (0.04 / g)**2
        result = run(suite, model, [n_k],
                     {"ansatz": "matrix", "broadening": "0.025 eV", "kinetic_corrections": True,
                      "terms": [phonon(0.16, g), phonon(0.1, g)]}, duration, rtol=1e-7,
                     snapshots=duration / 2,
                     initial={"kind": "equilibrium", "temperature": f"{BATH} K", "filling": 0.9})
        conserved(suite, f"kinetic corrections, g = {g}", result)
        f = result.snapshot()
        away.append(f[-1] - want)
        suite.below(f"kinetic corrections, g = {g}: change over the second half, of |f - f_Fermi|",
                    np.max(np.abs(f[-1] - f[-2])) / np.max(np.abs(away[-1])), 0.005,
                    "else not the end; less than what is compared below")
    suite.above("kinetic corrections: |f - f_Fermi| at g = 0.04", np.max(np.abs(away[0])), 1e-3,
                "otherwise no shift")
    # At half the coupling a quarter, the rest is of the next order and falls by 4 itself.
    rest = [np.max(np.abs(4 * finer - coarser)) / np.max(np.abs(coarser))
            for coarser, finer in zip(away, away[1:])]
    suite.below("kinetic corrections: 4 (f - f_Fermi) at half the coupling against it, g = 0.02",
                rest[1], 0.03, "the next order: a quarter of the 10 % at twice the coupling")
    suite.equal("kinetic corrections: the same at g = 0.04 over that at 0.02", rest[0] / rest[1], 4, 0.4,
                "g^4, relative to g^2; the order after it")


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
    main([one_sea, two_seas, golden_rule, test_carrier, entropy, kinetic_corrections, schemes,
          esaki_tsu])
