#!/usr/bin/python3
"""What Trukhan and Protik claim for the band-nondiagonal collision operator, in numbers.

1. Populations and coherences are interdependent: each makes the other.
2. The kinetic corrections do not vanish for an f without coherences.
3. A relaxation-time approximation with off-diagonal times decouples the two.
And what follows for a weak kick: without a center of inversion, energy from the baths in proportion to it, as
heat T dS, and no more free energy than work.

The oracle is the operator as a double sum over k and k', with P_n the projectors on the levels e_n,

    S^<_kn = (1/N_k) sum_k'm sum_a M_a K^<(e_kn - e_k'm) {P_m, f}/2 M_a,  S^> with K^> and 1 - f,
    C[f] = -(1/2 hbar) sum_n ({S^>_n, F_n} - {S^<_n, H_n})
           - (i kappa/hbar) sum_n ([R^>_n, F_n] - [R^<_n, H_n]),

F_n = {P_n, f}/2, H_n = {P_n, 1 - f}/2, and R made as S is, of (1/2 pi) PV int dy K(y)/(x - y). An
impurity and the two lines of a `shifted` phonon are Gaussians, whose principal value is a Dawson
function."""

import os
import sys

import h5py
import numpy as np
from scipy.special import dawsn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

A = 5.0  # angstrom
T1, T2, MASS = 0.25, 0.20, 0.06  # eV; the gap is 2 sqrt(0.05^2 + 0.06^2) = 0.156 eV
N_K = 24
SIGMA = 0.04  # eV
BATH = 900.0  # K
KT = oracle.BOLTZMANN * BATH
PHONON, COUPLING, DISORDER = 0.20, 0.05, 0.03  # eV
MU = 0.05  # eV
STEP = 0.05  # fs
COUPLED = ("matrix", "causal", "average")
DECOUPLED = ("diagonal", "rta", "t1_t2")

MODEL = {"kind": "ssh", "t1": f"{T1} eV", "t2": f"{T2} eV", "mass": f"{MASS} eV",
         "lattice_constant": f"{A} angstrom"}
TERMS = [{"kind": "phonon", "energy": f"{PHONON} eV", "coupling": f"{COUPLING} eV",
          "temperature": f"{BATH} K", "kernel": "shifted", "vertex": "onsite"},
         {"kind": "impurity", "strength": f"{DISORDER} eV", "vertex": "onsite"}]
HAMILTONIAN = oracle.ssh(T1, T2, MASS, A)(oracle.flat(oracle.zone_grid([[A]], [N_K])))
LEVEL, VECTOR = np.linalg.eigh(HAMILTONIAN)


# --- the oracle ---------------------------------------------------------------------------------


def lines():
    """(weight, center) of the Gaussians of K^</2 pi of each bath."""
    n = 1 / np.expm1(PHONON / KT)
    shift = SIGMA**2 / (2 * KT)
    return [(COUPLING**2 * (n + 1), -PHONON - shift), (COUPLING**2 * n, PHONON - shift),
            (DISORDER**2, 0.0)]


def kernel(x):
    """K^<(x); K^>(x) is K^<(-x)."""
    return sum(2 * np.pi * w * np.exp(-0.5 * ((x - c) / SIGMA)**2) / (np.sqrt(2 * np.pi) * SIGMA)
               for w, c in lines())


def principal(x):
    """(1/2 pi) PV int dy K^<(y)/(x - y)."""
    return sum(w * np.sqrt(2) / SIGMA * dawsn((x - c) / (np.sqrt(2) * SIGMA)) for w, c in lines())


def anti(a, b):
    return a @ b + b @ a


def commute(a, b):
    return a @ b - b @ a


def on_shell(function, pieces):
    """sum_k'm sum_a M_a function(e_kn - e_k'm) pieces_k'm M_a / N_k, M_a the orbital projectors."""
    x = LEVEL[:, :, None, None] - LEVEL[None, None]
    orbital = np.einsum("knqm,qmaa->kna", function(x), pieces) / N_K
    return np.einsum("kna,ab->knab", orbital, np.eye(2))


def collision(f, kappa):
    """C[f] in the orbital basis, 1/fs."""
    projector = np.einsum("kan,kbn->knab", VECTOR, np.conj(VECTOR))
    occupied = anti(projector, f[:, None]) / 2
    empty = anti(projector, (np.eye(2) - f)[:, None]) / 2
    scattering = anti(on_shell(lambda x: kernel(-x), empty), occupied) - anti(
        on_shell(kernel, occupied), empty)
    rate = -scattering.sum(axis=1) / (2 * oracle.HBAR)
    if kappa:
        # PV of K^<(-y) at x is minus that of K^< at -x.
        shift = commute(on_shell(lambda x: -principal(-x), empty), occupied) - commute(
            on_shell(principal, occupied), empty)
        rate = rate - 1j * kappa * shift.sum(axis=1) / oracle.HBAR
    return rate


def out_rates(f):
    """Gamma_n = <n| S^> + S^< |n>/hbar, [k, n]."""
    projector = np.einsum("kan,kbn->knab", VECTOR, np.conj(VECTOR))
    both = on_shell(lambda x: kernel(-x), anti(projector, (np.eye(2) - f)[:, None]) / 2)
    both = both + on_shell(kernel, anti(projector, f[:, None]) / 2)
    return np.real(np.einsum("kan,knab,kbn->kn", np.conj(VECTOR), both, VECTOR)) / oracle.HBAR


def to_bands(f):
    return oracle.dagger(VECTOR) @ f @ VECTOR


def to_orbitals(g):
    return VECTOR @ g @ oracle.dagger(VECTOR)


def split(rate):
    """Populations [k, n] and coherence [k] of a matrix in the orbital basis, with the phases of the
    eigenvectors VECTOR."""
    g = to_bands(rate)
    return np.real(np.einsum("...nn->...n", g)), g[..., 0, 1]


def thermal():
    return to_orbitals(oracle.fermi(LEVEL, MU, KT)[:, :, None] * np.eye(2))


# --- states and runs ----------------------------------------------------------------------------


def populations_only():
    """Far from equilibrium, different at every k, without coherences."""
    x = 2 * np.pi * np.arange(N_K) / N_K
    p = np.stack([0.65 + 0.2 * np.cos(x + 0.4), 0.25 + 0.15 * np.sin(2 * x)], axis=1)
    return to_orbitals(p[:, :, None] * np.eye(2))


def coherence(size):
    """Coherences without populations: what size * (sigma_x + 0.5 cos(ka) sigma_y) has off the
    diagonal in the eigenbasis."""
    x = 2 * np.pi * np.arange(N_K) / N_K
    g = to_bands(size * (oracle.PAULI_X + 0.5 * np.cos(x)[:, None, None] * oracle.PAULI_Y))
    g = g * (1 - np.eye(2))
    return to_orbitals(g)


def run(suite, start, collisions, duration=6 * STEP, every=STEP):
    """Starts from the matrix `start`, written where a result has its snapshots."""
    template = suite.path("template.h5")
    common = {"model": MODEL, "grid": {"k": [N_K]},
              "propagation": {"duration": f"{duration} fs", "rtol": 1e-12, "atol": 1e-14},
              "output": {"every": f"{duration} fs", "snapshots": {"every": f"{every} fs"}}}
    if not os.path.exists(template):
        first = suite.run({**common, "initial": {"kind": "bands", "occupation": [1, 0]}})
        os.rename(first.path, template)
    with h5py.File(template, "r+") as file:
        file["snapshots/f"][0] = start
    return suite.run({**common, "collisions": collisions,
                      "initial": {"kind": "file", "file": template, "snapshot": 0,
                                  "temperature": f"{BATH} K", "chemical_potential": f"{MU} eV"}})


def form(ansatz, **keys):
    """The section `collisions`; rta and t1_t2 relax to the equilibrium of the bath."""
    out = {"ansatz": ansatz, "broadening": f"{SIGMA} eV", **keys}
    if ansatz == "t1_t2":
        out.update({"t1": "40 fs", "t2": "15 fs"})
    else:
        out["terms"] = TERMS
    if ansatz in ("rta", "t1_t2"):
        out.update({"temperature": f"{BATH} K", "chemical_potential": f"{MU} eV"})
    return out


def slope(result):
    """df/dt at t = 0 without the part of the commutator with H, in the orbital basis."""
    f = result.snapshot()
    t = result["/snapshots/time"]
    phase = np.exp(1j * (LEVEL[:, :, None] - LEVEL[:, None, :]) * t[:, None, None, None]
                   / oracle.HBAR)
    # One-sided difference of sixth order of f in the interaction picture.
    weights = np.array([-147, 360, -450, 400, -225, 72, -10]) / (60 * STEP)
    return to_orbitals(np.tensordot(weights, phase * to_bands(f), axes=1))


def total(x):
    """(1/N_k) sum |x|."""
    return float(np.sum(np.abs(x)) / N_K)


# --- checks -------------------------------------------------------------------------------------


WHY = "six-point difference of f over 0.3 fs: (0.3 fs gap/hbar)^6 and rounding"


def operator(suite):
    """C[f] of the program and of the oracle, for a state with everything in it."""
    f = populations_only() + coherence(0.15)
    for kappa in (False, True):
        want = collision(f, float(kappa))
        for method in ("direct", "fft"):
            got = slope(run(suite, f, form("matrix", kinetic_corrections=kappa, method=method)))
            largest = np.max(np.abs(want))
            suite.equal(f"operator, kappa = {kappa:d}, {method}: C[f] over its largest",
                        got / largest, want / largest, 1e-6, WHY)


def each_makes_the_other(suite):
    """Claim 1: the coherences that populations make, and what coherences do to populations."""
    bare, dressed = populations_only(), populations_only() + coherence(0.15)
    for ansatz in COUPLED + DECOUPLED:
        runs = [run(suite, f, form(ansatz)) for f in (bare, dressed)]
        from_bare, from_dressed = (slope(result) for result in runs)
        made = total(split(from_bare)[1])
        moved = total(split(from_dressed)[0] - split(from_bare)[0])
        scale = total(split(from_bare)[0])
        print(f"     {ansatz}: |dP/dt| {scale:.5f}/fs; coherence made by populations "
              f"{made:.3e}/fs; change of dP/dt by coherences {moved:.3e}/fs")
        if ansatz in COUPLED:
            suite.above(f"{ansatz}: coherence that populations make over dP/dt", made / scale, 0.03,
                        "interdependent")
            suite.above(f"{ansatz}: change of dP/dt by coherences over dP/dt", moved / scale, 0.03,
                        "interdependent")
        else:
            (p, c), (q, _) = (split(result.snapshot()) for result in runs)
            suite.below(f"{ansatz}: coherence that populations make within 0.3 fs",
                        np.max(np.abs(c)), 1e-13, "decoupled: rounding")
            suite.equal(f"{ansatz}: populations with and without coherences within 0.3 fs", p, q,
                        1e-13, "decoupled: rounding")
        if ansatz == "matrix":
            want = collision(bare, 0)
            suite.equal("matrix: coherence that populations make, from the formula",
                        split(from_bare)[1] / scale, split(want)[1] / scale, 1e-6, WHY)
            want = collision(dressed, 0) - want
            suite.equal("matrix: change of dP/dt by coherences, from the formula",
                        split(from_dressed - from_bare)[0] / scale, split(want)[0] / scale, 1e-6,
                        WHY)


def kinetic_corrections(suite):
    """Claim 2: kappa = 1 minus kappa = 0. A commutator with a diagonal matrix has no diagonal, so
    that without coherences the corrections make coherences and leave the populations."""
    for name, f in (("without coherences", populations_only()),
                    ("with coherences", populations_only() + coherence(0.15)),
                    ("equilibrium", thermal())):
        plain, full = (slope(run(suite, f, form("matrix", kinetic_corrections=kappa)))
                       for kappa in (False, True))
        want = collision(f, 1) - collision(f, 0)
        scale = total(split(collision(populations_only(), 0))[1])
        got = full - plain
        print(f"     {name}: kappa adds {total(split(got)[1]):.3e}/fs to coherences, "
              f"{total(split(got)[0]):.3e}/fs to populations; kappa = 0 alone "
              f"{total(split(plain)[1]):.3e}/fs and {total(split(plain)[0]):.3e}/fs")
        suite.equal(f"kinetic corrections, {name}: from the formula", to_bands(got) / scale,
                    to_bands(want) / scale, 1e-6, WHY)
        suite.above(f"kinetic corrections, {name}: over the coherence that scattering makes",
                    total(split(got)[1]) / scale, 0.1, "they do not vanish")
        if name != "with coherences":
            suite.below(f"kinetic corrections, {name}: populations", total(split(got)[0]) / scale,
                        1e-10, "a commutator with a diagonal matrix has no diagonal: rounding")


def relaxation_times(suite):
    """Claim 3: f(t) under `rta` is a closed form, in which nothing couples."""
    gamma = out_rates(thermal())
    duration = 60.0
    ends = {}
    for size in (0.15, -0.05):
        f = populations_only() + coherence(size)
        result = run(suite, f, form("rta"), duration, duration)
        p, c = split(f)
        equilibrium = oracle.fermi(LEVEL, MU, KT)
        want_p = equilibrium + (p - equilibrium) * np.exp(-gamma * duration)
        want_c = c * np.exp((1j * (LEVEL[:, 1] - LEVEL[:, 0]) / oracle.HBAR
                             - 0.5 * gamma.sum(axis=1)) * duration)
        got_p, got_c = split(result.snapshot()[-1])
        suite.equal(f"rta, coherence {size}: populations at 60 fs", got_p, want_p, 1e-9,
                    "closed form; rtol 1e-12")
        suite.equal(f"rta, coherence {size}: coherences at 60 fs", got_c, want_c, 1e-9,
                    "decay at (Gamma_0 + Gamma_1)/2; rtol 1e-12")
        ends[size] = got_p
    suite.equal("rta: populations at 60 fs for two different coherences", ends[0.15], ends[-0.05],
                1e-11, "the two runs choose their own steps; rtol 1e-12")
    print(f"     rta: hbar Gamma from {1e3 * oracle.HBAR * gamma.min():.2f} to "
          f"{1e3 * oracle.HBAR * gamma.max():.2f} meV")
    matrix = [split(run(suite, populations_only() + coherence(size), form("matrix"), duration,
                        duration).snapshot()[-1])[0] for size in (0.15, -0.05)]
    difference = np.max(np.abs(matrix[0] - matrix[1]))
    print(f"     matrix: populations at 60 fs differ by up to {difference:.4f}")
    suite.above("matrix: difference of the populations at 60 fs for the same two", difference, 3e-4,
                "what rta leaves out")


def energy_from_the_baths(suite):
    """A weak kick p and -p: energy changes in proportion to p, by first order more than the work, of second order.

    Near the Fermi function of the baths dE = T dS at constant number to first order, for whatever f does, so
    that the odd part of E - TS vanishes; the second law bounds the even part by the work."""
    common = {"grid": {"k": [N_K]}, "initial": {"kind": "equilibrium", "temperature": f"{BATH} K", "filling": 1},
              "propagation": {"duration": "60 fs", "rtol": 1e-10, "atol": 1e-14}, "output": {"every": "1 fs"}}
    kick = 1e-4  # V fs/angstrom
    for ansatz, mass, is_odd in (("matrix", MASS, True), ("matrix", 0.0, False), ("diagonal", MASS, False)):
        energy, heat = [], []
        for impulse in (kick, -kick):
            result = suite.run({**common, "model": {**MODEL, "mass": f"{mass} eV"},
                                "field": [{"kind": "kick", "impulse": f"{impulse} V fs/angstrom"}],
                                "collisions": {"ansatz": ansatz, "broadening": f"{SIGMA} eV", "terms": TERMS[:1]}})
            energy.append(result.trace("energy") - result.trace("energy")[0])
            heat.append(KT * (result.trace("entropy") - result.trace("entropy")[0]))
            work = result.trace("work")[-1]
            name = f"{ansatz}, mass {mass}, kick {impulse}"
            suite.below(f"{name}: E - TS over the work", np.max(energy[-1] - heat[-1]) / work, 1 + 1e-6,
                        "second law; tolerance of the steps")
        odd = (energy[0] - energy[1]) / 2
        print(f"     {ansatz}, mass {mass}: odd part of the energy up to {np.max(np.abs(odd)):.3e} eV, work {work:.3e} eV")
        if is_odd:
            suite.above(f"{name}: odd part of the energy over the work", np.max(np.abs(odd)) / work, 0.5,
                        "coherences make populations")
            suite.equal(f"{name}: odd part of E against that of TS", odd / np.max(np.abs(odd)),
                        (heat[0] - heat[1]) / 2 / np.max(np.abs(odd)), 1e-3, "third order in the kick, and its steps")
        else:
            suite.below(f"{name}: odd part of the energy over the work", np.max(np.abs(odd)) / work, 1e-4,
                        "an even function of the kick: rounding")


if __name__ == "__main__":
    main([operator, each_makes_the_other, kinetic_corrections, relaxation_times, energy_from_the_baths])
