#!/usr/bin/python3
"""The mean field of the interaction: `mean_field: hartree_fock`.

Closed forms for two levels; the equations

    df/dt = -(i/hbar) [H + S[f - f_0] - F.r, f],  S[f]_ab(k) = -(1/N_k) sum_k' V(k - k') f_ab(k') + delta_ab U_a n_a

along k(t), with the sum over k' as it stands, integrated by scipy; self-consistent ground states by
numpy; the eigenvalues of the two-particle Hamiltonian of an electron and a hole.
"""

import os
import sys

import h5py
import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import ellipj

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle  # noqa: E402
from harness import main  # noqa: E402

FLAT = {"kind": "tight_binding", "lattice_vectors": [[1.0]], "spin_degeneracy": 2,
        "hoppings": [{"R": [0], "re": [[0.0, 0.0], [0.0, 0.0]]}]}
SSH = {"kind": "ssh", "t1": 1.0, "t2": 0.6, "mass": 0.4, "lattice_constant": 1.0, "positions": [0.0, 0.35],
       "spin_degeneracy": 2}
POSITIONS = np.array([0.0, 0.35])


def electron(**keys):
    return {"kind": "electron", "mean_field": "hartree_fock", **keys}


def scenario(model, n_k, initial, terms, duration, frames=40, **keys):
    collisions = keys.pop("collisions", {})
    propagation = {"duration": duration, "rtol": 1e-9, "atol": 1e-11, **keys.pop("propagation", {})}
    return {"units": "natural", "model": model, "grid": {"k": n_k if isinstance(n_k, list) else [n_k]},
            "initial": initial, "collisions": {"terms": terms, **collisions}, "propagation": propagation,
            "output": {"every": duration / frames, "snapshots": {"every": duration / frames}}, **keys}


def start_from(suite, model, f, name, statistics="fermion"):
    """A file of a state f [k, a, b] to start from."""
    first = suite.run({"units": "natural", "statistics": statistics, "model": model,
                       "grid": {"k": [f.shape[0]]}, "propagation": {"duration": 0.1},
                       "initial": {"kind": "equilibrium", "temperature": 1.0, "chemical_potential": -9.0}})
    os.rename(first.path, suite.path(name))
    with h5py.File(suite.path(name), "r+") as file:
        file["snapshots/f"][0] = f
    return {"kind": "file", "file": suite.path(name), "snapshot": 0}


# --- two levels -----------------------------------------------------------------------------------


def self_trapping(suite):
    """Two sites with U between the spins, all on the left: the imbalance is an elliptic function.

    Kenkre and Campbell, Phys. Rev. B 34, 4959 (1986): cn(2 J t | m), m = (U/4J)^2. Above U = 4 J the
    particles stay on their side.
    """
    hopping = 0.5
    model = dict(FLAT, hoppings=[{"R": [0], "re": [[0.0, -hopping], [-hopping, 0.0]]}])
    left = np.zeros((4, 2, 2), complex)
    left[:, 0, 0] = 1
    initial = start_from(suite, model, left, "left.h5")
    for u in (1.2, 1.9, 2.4):
        term = electron(U=u, mean_field_reference="none")
        result = suite.run(scenario(model, 4, initial, [term], 20.0))
        f = result.snapshot()[:, 0]
        t, m = result["/snapshots/time"], (u / (4 * hopping))**2
        if m < 1:
            want = ellipj(2 * hopping * t, m)[1]
        else:  # cn(x | m) = dn(sqrt(m) x | 1/m)
            want = ellipj(np.sqrt(m) * 2 * hopping * t, 1 / m)[2]
        suite.equal(f"self-trapping, U = {u}: imbalance", np.real(f[:, 0, 0] - f[:, 1, 1]), want, 1e-7,
                    "closed form; rtol 1e-9, errors grow as the separatrix spreads them")
        energy = result.trace("energy")
        suite.equal(f"self-trapping, U = {u}: energy", energy, u + 0 * energy, 1e-8,
                    "U n_up n_down at the start, and kept; rtol 1e-9")
    suite.above("self-trapping above U = 4 J: least imbalance", np.min(want), 0.2, "stays on its side")


def level_shift(suite):
    """Without hopping a coherence turns with (U_0 n_0 - U_1 n_1)/hbar."""
    f = np.zeros((4, 2, 2), complex)
    f[:] = [[0.7, 0.2 - 0.1j], [0.2 + 0.1j, 0.3]]
    initial = start_from(suite, FLAT, f, "turning.h5")
    u = np.array([0.9, 0.4])
    for name, more, want in (("none", {}, u @ [0.7, -0.3]), ("initial", {}, 0.0),
                             ("four spins", {"spin_degeneracy": 4}, 3 * u @ [0.7, -0.3])):
        reference = "none" if name == "four spins" else name
        result = suite.run(scenario(dict(FLAT, **more), 4, initial,
                                    [electron(U=list(u), mean_field_reference=reference)], 10.0))
        t = result["/snapshots/time"]
        suite.equal(f"level shift, {name}: coherence", result.snapshot()[:, 0, 0, 1],
                    f[0, 0, 1] * np.exp(-1j * want * t), 1e-8, "closed form; rtol 1e-9")


def exchange_field(suite):
    """Spins s(k) in the exchange field of their mean S: ds/dt = (theta U/hbar) S x s.

    With V(q) = U and f = (1 + s.sigma)/2 the mean field is theta (U/2) (1 + S.sigma), and S is kept.
    """
    u, n = 0.8, 4
    rng = np.random.default_rng(3)
    s = rng.normal(size=(n, 3))
    s *= 0.9 / np.linalg.norm(s, axis=1)[:, None]
    sigma = np.array([oracle.PAULI_X, oracle.PAULI_Y, oracle.PAULI_Z])
    f = (np.eye(2) + np.tensordot(s, sigma, axes=1)) / 2
    mean = s.mean(axis=0)
    axis, rate = mean / np.linalg.norm(mean), np.linalg.norm(mean) * u
    for statistics, theta in (("fermion", -1), ("boson", 1)):
        initial = start_from(suite, FLAT, f, f"spins_{statistics}.h5", statistics)
        result = suite.run(scenario(FLAT, n, initial, [electron(U=u, interaction="density",
                                                                mean_field_reference="none")],
                                    12.0, statistics=statistics))
        got = np.real(np.einsum("tkab,iba->tki", result.snapshot(), sigma))
        angle = (theta * rate * result["/snapshots/time"])[:, None, None]
        along = (s @ axis)[:, None] * axis
        want = along + np.cos(angle) * (s - along) + np.sin(angle) * np.cross(axis, s - along)
        suite.equal(f"exchange field, {statistics}: spins", got, want, 1e-8,
                    "rotation about the mean spin with U |S|/hbar; rtol 1e-9")


# --- against scipy --------------------------------------------------------------------------------


def yukawa(k, u, q0, wraps=True):
    """V(k - k') at the shortest difference."""
    q = k[:, None] - k
    if wraps:
        q = (q + np.pi) % (2 * np.pi) - np.pi
    return u * q0**2 / (q**2 + q0**2)


def hartree_fock(hamiltonian, k, v, contact, f_0, start, force, displacement, times, positions):
    """f at the moving points [t, k, 2, 2]; f_0(k) a function of k or None."""
    n = len(k)

    def rate(t, y):
        f = y.reshape(n, 2, 2)
        here = k + displacement(t)[0]
        less = f if f_0 is None else f - f_0(here)
        h = hamiltonian(here[:, None]) - np.einsum("kp,pab->kab", v, less) / n
        for a in range(2):
            h[:, a, a] += contact[a] * less[:, a, a].mean() - force(t)[0] * positions[a]
        return (-1j * (h @ f - f @ h)).ravel()

    solution = solve_ivp(rate, (times[0], times[-1]), start.astype(complex).ravel(), method="DOP853",
                         t_eval=times, rtol=1e-11, atol=1e-13, max_step=0.1)
    return solution.y.T.reshape(len(times), n, 2, 2)


def chain_under_a_pulse(suite):
    """Two bands with V(q) and U under a pulse, in both schemes and from both references."""
    n, kt, mu, u, q0, contact = 48, 0.3, 0.1, 1.5, 1.2, np.array([0.7, 1.2])
    hamiltonian = oracle.ssh(1.0, 0.6, 0.4, 1.0)
    k = 2 * np.pi * np.arange(n) / n
    pulse = {"kind": "pulse", "amplitude": 0.8, "center": 3.0, "fwhm": 2.0, "frequency": 0.3,
             "direction": [1]}
    terms = [electron(U=u, form={"kind": "yukawa", "q0": q0}), electron(U=list(contact))]
    force, displacement = oracle.pulse_force(-1, oracle.gauss_pulse(0.8, 3.0, 2.0, 0.3), 0, 7, hbar=1)

    def thermal(points):
        return oracle.function_of(hamiltonian(points[:, None]), lambda e: oracle.fermi(e, mu, kt))

    start = thermal(k)
    for reference, f_0 in (("none", None), ("initial", thermal)):
        base = scenario(SSH, n, {"kind": "equilibrium", "temperature": kt, "chemical_potential": mu},
                        [dict(term, mean_field_reference=reference) for term in terms], 7.0, 14,
                        field=[pulse], propagation={"rtol": 1e-10, "atol": 1e-12})
        results = {}
        for scheme in ("interaction", "unsplit"):
            base["propagation"]["scheme"] = scheme
            results[scheme] = suite.run(base)
        result = results["interaction"]
        times = result.trace("time")
        moving = hartree_fock(hamiltonian, k, yukawa(k, u, q0), contact, f_0, start, force, displacement,
                              times, POSITIONS)
        want = np.array([oracle.band_population(hamiltonian((k + displacement(t)[0])[:, None]),
                                                f).mean(axis=0) for t, f in zip(times, moving)])
        suite.equal(f"chain, {reference}: populations", result.trace("population"), want, 1e-9,
                    "scipy at rtol 1e-11, the program at 1e-10; f_0 between the points as a Fourier "
                    "series of 48")
        suite.above(f"chain, {reference}: change of the population", np.ptp(want[:, 1]), 0.01,
                    "otherwise nothing happens")
        other = results["unsplit"]
        suite.equal(f"chain, {reference}: f of unsplit", other.snapshot()[-1], result.snapshot()[-1], 1e-6,
                    "the derivative in k resolves f to about that on 48 points")
        for scheme, r in results.items():
            energy, work = r.trace("energy"), r.trace("work")
            suite.equal(f"chain, {reference}, {scheme}: energy less work", energy - energy[0], work, 1e-8,
                        "exact but for the tolerance of the integrator")
            # In the energy of the bands alone it is not kept.
            bare = energy - r.trace("mean_field_energy")
            suite.above(f"chain, {reference}, {scheme}: energy of the bands alone less work",
                        np.max(np.abs(bare - bare[0] - work)), 1e-3, "the mean field is in it")


def free_of_fields(suite):
    """The total energy is constant without a field, from a state that is not stationary."""
    rng = np.random.default_rng(5)
    n = 12
    noise = rng.normal(size=(n, 2, 2)) + 1j * rng.normal(size=(n, 2, 2))
    q = np.linalg.qr(noise)[0]
    f = q @ (rng.uniform(0.05, 0.95, (n, 2))[..., None] * oracle.dagger(q))
    initial = start_from(suite, SSH, f, "noise.h5")
    for reference in ("none", "initial"):
        terms = [electron(U=2.0, form={"kind": "yukawa", "q0": 1.0}, mean_field_reference=reference),
                 electron(U=[1.0, -0.5], mean_field_reference=reference)]
        for scheme in ("interaction", "unsplit"):
            result = suite.run(scenario(SSH, n, initial, terms, 10.0, propagation={"scheme": scheme}))
            energy = result.trace("energy")
            suite.equal(f"no field, {reference}, {scheme}: energy", energy, energy[0] + 0 * energy, 1e-7,
                        "kept to the tolerance, rtol 1e-9")
            bare = energy - result.trace("mean_field_energy")
            suite.above(f"no field, {reference}, {scheme}: change of the energy of the bands", np.ptp(bare),
                        0.02, "otherwise nothing is exchanged")


# --- states that stay -----------------------------------------------------------------------------


def stationary_states(suite):
    """A thermal function of its own H + S[f] stays; one of H does not, unless it is the reference."""
    n, kt, u, q0 = 24, 0.2, 2.0, 1.0
    k = 2 * np.pi * np.arange(n) / n
    h, v = oracle.ssh(1.0, 0.6, 0.4, 1.0)(k[:, None]), yukawa(k, u, q0)
    f = oracle.function_of(h, lambda e: oracle.fermi(e, 0, kt))
    bare = f.copy()
    for _ in range(400):
        field = h - np.einsum("kp,pab->kab", v, f) / n
        f = oracle.function_of(field, lambda e: oracle.fermi(e, -u / 2, kt))
    density = electron(U=u, form={"kind": "yukawa", "q0": q0})
    for name, start, reference, moves in (("of H + S", f, "none", False), ("of H", bare, "none", True),
                                          ("of H", bare, "initial", False)):
        initial = start_from(suite, SSH, start, f"static_{reference}_{moves}.h5")
        result = suite.run(scenario(SSH, n, initial, [dict(density, mean_field_reference=reference)], 10.0))
        change = np.max(np.abs(result.snapshot() - start))
        label = f"function {name}, {reference}: largest change of f"
        if moves:
            suite.above(label, change, 1e-2, "it is none of H + S[f]")
        else:
            suite.below(label, change, 1e-8, "stationary; rtol 1e-9")


def excited_above_equilibrium(suite):
    """With the equilibrium as reference, what is excited has a mean field from the start."""
    n, kt, mu, u, q0 = 16, 0.4, 0.1, 1.0, 1.5
    k = 2 * np.pi * np.arange(n) / n
    h, v = oracle.ssh(1.0, 0.6, 0.4, 1.0)(k[:, None]), yukawa(k, u, q0)

    def excited(energy):
        thermal = oracle.fermi(energy, mu, kt)
        return thermal + 0.4 * np.exp(-(energy - 1.3)**2 / (2 * 0.5**2)) * (1 - thermal)

    f, f_0 = oracle.function_of(h, excited), oracle.function_of(h, lambda e: oracle.fermi(e, mu, kt))
    colder = oracle.function_of(h, lambda e: oracle.fermi(e, mu, 0.5 * kt))
    initial = {"kind": "excited", "temperature": kt, "chemical_potential": mu, "energy": 1.3, "width": 0.5,
               "amplitude": 0.4}
    for name, collisions, reference in (("that of initial", {}, f_0),
                                        ("that of collisions", {"temperature": 0.5 * kt}, colder)):
        term = electron(U=u, form={"kind": "yukawa", "q0": q0}, mean_field_reference="equilibrium")
        result = suite.run(scenario(SSH, n, initial, [term], 0.5, 2, collisions=collisions))
        less = f - reference
        sigma = -np.einsum("kp,pab->kab", v, less) / n
        want = np.real(np.einsum("kab,kba->", sigma, less)) / n  # g_s/2 = 1
        suite.equal(f"equilibrium as reference, {name}: energy of the mean field",
                    result.trace("mean_field_energy")[0], want, 1e-13, "sums over k and k'; rounding")


# --- boxes ----------------------------------------------------------------------------------------


def box_with_a_filled_band(suite):
    """Massive Dirac electrons whose filled band is the reference, against scipy."""
    n, k_max, u, q0, gap = 64, 6.0, 1.2, 1.0, 0.5
    model = {"kind": "dirac1d", "velocity": 1.0, "gap": gap, "k_max": k_max, "spin_degeneracy": 1}
    hamiltonian = oracle.dirac1d(1.0, gap)
    k = -k_max + 2 * k_max * np.arange(n) / n
    pulse = {"kind": "pulse", "amplitude": 0.4, "center": 4.0, "fwhm": 3.0, "frequency": 0.16,
             "direction": [1]}
    term = electron(U=u * 2 * k_max / (2 * np.pi), form={"kind": "yukawa", "q0": q0})
    force, displacement = oracle.pulse_force(-1, oracle.gauss_pulse(0.4, 4.0, 3.0, 0.16), 0, 8, hbar=1)

    def filled(points):
        return oracle.band_projector(hamiltonian(points[:, None]), 0)

    result = suite.run(scenario(model, n, {"kind": "bands", "occupation": [1, 0]}, [term], 8.0, 16,
                                field=[pulse]))
    moving = hartree_fock(hamiltonian, k, yukawa(k, term["U"], q0, wraps=False), np.zeros(2), filled,
                          filled(k), force, displacement, result.trace("time"), np.zeros(2))
    want = [oracle.band_population(hamiltonian((k + displacement(t)[0])[:, None]), f).mean(axis=0)[1]
            for t, f in zip(result.trace("time"), moving)]
    suite.equal("box: population of the upper band", result.trace("population")[:, 1], want, 1e-8,
                "scipy at rtol 1e-11, the program at 1e-9; both boxes move along")
    suite.above("box: largest population", np.max(want), 0.01, "otherwise nothing happens")
    energy, work = result.trace("energy"), result.trace("work")
    suite.equal("box: energy less work over the largest", (energy - energy[0]) / np.max(energy - energy[0]),
                work / np.max(energy - energy[0]), 1e-6, "the tolerance, and what leaves the box")
    bare = energy - result.trace("mean_field_energy")
    suite.above("box: the same without the mean field", np.max(np.abs(bare - bare[0] - work)
                                                               / np.max(energy - energy[0])), 0.02,
                "it is a part of the energy")


# --- excitons -------------------------------------------------------------------------------------


def two_particle_levels(h, v):
    """Eigenvalues of an electron and a hole with V between them, and their overlap with the dipole.

    Linear response of a filled band: (e_c - e_v)(k) x(k) - (1/N) sum_k' V(k - k') <c|c'><v'|v> x(k'),
    the coupling to deexcitations left out.
    """
    n = len(h)
    energy, vector = np.linalg.eigh(h)
    valence, conduction = vector[:, :, 0], vector[:, :, 1]
    overlap = (np.conj(conduction) @ conduction.T) * (np.conj(valence) @ valence.T).T
    direct = np.diag(energy[:, 1] - energy[:, 0]) - v * overlap / n
    # <c|f'|v> of f' = x |c'><v'| and of its adjoint: the resonant and the antiresonant part.
    cross = (np.conj(conduction) @ valence.T) * (np.conj(valence) @ conduction.T).T
    coupling = -v * cross / n
    whole = np.block([[direct, coupling], [-np.conj(coupling), -np.conj(direct)]])
    return np.sort(np.real(np.linalg.eigvals(whole)))


def bound_pair(suite):
    """After a weak kick the current rings with the levels of the two-particle Hamiltonian."""
    n, u, q0, duration = 32, 2.0, 0.6, 400.0
    h = oracle.ssh(1.0, 0.5, 0.8, 1.0)(2 * np.pi * np.arange(n)[:, None] / n)
    model = dict(SSH, t2=0.5, mass=0.8)
    term = electron(U=u, form={"kind": "yukawa", "q0": q0})
    result = suite.run(scenario(model, n, {"kind": "bands", "occupation": [1, 0]}, [term], duration, 1600,
                                field=[{"kind": "kick", "impulse": 1e-4, "time": 0.0, "direction": [1]}],
                                propagation={"rtol": 1e-9, "atol": 1e-13}))
    levels = two_particle_levels(h, yukawa(2 * np.pi * np.arange(n) / n, u, q0))
    lowest = levels[levels > 0][0]
    gap = np.min(np.ptp(np.linalg.eigvalsh(h), axis=1))
    t, current = result.trace("time")[1:], result.trace("current")[1:, 0]
    # The frequency of the largest line below the gap, by the maximum of the windowed transform.
    window = np.exp(-((t - duration / 2) / (duration / 8))**2)
    omega = np.linspace(0.5 * gap, 0.98 * gap, 4000)
    spectrum = np.abs(np.exp(1j * np.outer(omega, t)) @ (window * current))
    suite.equal("bound pair: line below the gap", omega[np.argmax(spectrum)], lowest, 2e-3,
                "eigenvalue by numpy; a window of 100 is 0.04 wide, its maximum is found to a part of it")
    suite.below("bound pair: lowest level over the gap", lowest / gap, 0.95, "bound")


# --- with the rest --------------------------------------------------------------------------------


def with_collisions(suite):
    """Beside scattering, in both schemes; what does not scatter is the mean field alone."""
    density = electron(U=0.8, form={"kind": "yukawa", "q0": 1.2}, broadening=0.4)
    initial = {"kind": "excited", "temperature": 0.5, "chemical_potential": 0.0, "energy": 1.2,
               "width": 0.5, "amplitude": 0.3}
    kick = [{"kind": "kick", "impulse": 0.6, "time": 0.5, "direction": [1]}]
    f = {}
    for scheme in ("interaction", "unsplit"):
        result = suite.run(scenario(SSH, 32, initial, [density], 4.0, field=kick,
                                    collisions={"ansatz": "matrix"}, propagation={"scheme": scheme}))
        f[scheme] = result.snapshot()[-1]
        number = result.trace("number")
        suite.equal(f"with scattering, {scheme}: number", number, number[0] + 0 * number, 1e-10, "kept")
    suite.equal("with scattering: f of both schemes", f["unsplit"], f["interaction"], 1e-6,
                "what 32 points resolve")
    stiff = suite.run(scenario(SSH, 32, initial, [dict(density, scattering=False)], 4.0, field=kick,
                               propagation={"scheme": "unsplit", "integrator": "bdf", "rtol": 1e-8}))
    alone = suite.run(scenario(SSH, 32, initial, [dict(density, scattering=False)], 4.0, field=kick))
    other = suite.run(scenario(SSH, 32, initial, [dict(density, scattering=False)], 4.0, field=kick,
                               collisions={"ansatz": "t1_t2", "t1": 1e9, "t2": 1e9}))
    suite.equal("mean field alone: f beside relaxation that is slow", other.snapshot()[-1],
                alone.snapshot()[-1], 1e-7, "4e-9 of it relaxes; both at rtol 1e-9")
    suite.equal("mean field alone: f by bdf", stiff.snapshot()[-1], alone.snapshot()[-1], 1e-7,
                "backward differences of order 5 at rtol 1e-8 on oscillations")
    suite.above("mean field alone: difference that scattering makes",
                np.max(np.abs(alone.snapshot()[-1] - f["interaction"])), 1e-3, "otherwise nothing scatters")


if __name__ == "__main__":
    main([self_trapping, level_shift, exchange_field, chain_under_a_pulse, free_of_fields,
          stationary_states, excited_above_equilibrium, box_with_a_filled_band, bound_pair, with_collisions])
