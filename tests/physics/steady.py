#!/usr/bin/python3
"""`keldrift steady` against closed forms, against a dense solution, and against a long run."""

import itertools
import json
import os
import sys

import numpy as np
from scipy.integrate import quad

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import Result, RunFailed, main


def steady(suite, scenario):
    """Runs `keldrift steady` on a scenario and returns its Result."""
    suite.runs += 1
    stem = f"steady{suite.runs:03d}"
    suite.write(stem + ".yaml", json.dumps(scenario))
    done = suite.execute(["steady", stem + ".yaml", "-o", stem + ".h5", "--quiet"])
    if done.returncode != 0:
        raise RunFailed(f"exit status {done.returncode} (expected 0): {done.stderr.strip()}")
    return Result(suite.path(stem + ".h5"))


def fermi_slope(energy, mu, kt):
    return -0.25 / kt / np.cosh((energy - mu) / (2 * kt))**2


def chain(suite):
    """bgk on a cosine band: sigma = tau (1/N) sum (-f') v^2, v = 2 J sin k, and the same by a run."""
    n, kt, mu, tau = 64, 0.5, -0.4, 2.0
    scenario = {"units": "natural", "model": {"kind": "chain", "J": 1}, "grid": {"k": [n]},
                "charge": 1, "propagation": {"duration": 60, "rtol": 1e-9, "atol": 1e-12},
                "initial": {"kind": "equilibrium", "temperature": kt, "chemical_potential": mu},
                "collisions": {"ansatz": "bgk", "tau": tau}}
    k = 2 * np.pi * np.arange(n) / n
    want = tau * np.mean(-fermi_slope(-2 * np.cos(k), mu, kt) * (2 * np.sin(k))**2)
    got = steady(suite, scenario)["/steady/conductivity"][0, 0]
    suite.equal("chain, bgk", got, want, 1e-11 * want, "the same sum; GMRES to 1e-11")
    field = 1e-4
    result = suite.run(dict(scenario, field=[{"kind": "constant", "amplitude": field}]))
    suite.equal("chain, bgk, long run", result.trace("current")[-1, 0] / field, want, 1e-6 * want,
                "second order in the field, (tau E)^2 = 4e-8, and rtol 1e-9 over E")


def haldane(suite):
    """t1_t2 on a Chern insulator's lattice at finite temperature: populations -f' v v t1, coherences
    (f_n - f_m)/(e_n - e_m) v_nm/(i (e_n - e_m) + 1/t2), all at the same k, tensor and Hall part."""
    n, kt, mu, t1, t2 = 24, 0.4, 0.3, 3.0, 1.5
    hopping, mass, second, phase = 1.0, 0.3, 0.15, 0.7
    scenario = {"units": "natural", "grid": {"k": [n, n]}, "charge": -1,
                "model": {"kind": "haldane", "t": hopping, "mass": mass, "t2": second,
                          "phase": phase, "lattice_constant": 1},
                "initial": {"kind": "equilibrium", "temperature": kt, "chemical_potential": mu},
                "collisions": {"ansatz": "t1_t2", "t1": t1, "t2": t2},
                "propagation": {"duration": 1}}
    result = steady(suite, scenario)
    # The bands and velocities of the model are tested elsewhere; here they are given.
    energy, vectors = result["/model/energy"], result["/model/eigenvector"]
    v = np.einsum("xyai,xydab,xybj->xydij", vectors.conj(), result["/model/velocity"], vectors)
    f = 1 / (np.exp((energy - mu) / kt) + 1)
    gap = energy[..., :, None] - energy[..., None, :]
    ratio = np.where(np.abs(gap) > 1e-9,
                     (f[..., :, None] - f[..., None, :]) / np.where(gap == 0, 1, gap),
                     fermi_slope(energy, mu, kt)[..., :, None])
    # df_nm = -charge (f_n - f_m)/(e_n - e_m) v_nm / (i (e_n - e_m) + rate): the position matrix is
    # inside v, since [r, f] = (f_n - f_m)/(e_n - e_m) [r, H].
    rate = np.where(np.eye(2, dtype=bool), 1 / t1, 1 / t2)
    df = -(ratio / (1j * gap + rate))[..., None, :, :] * v
    full = np.einsum("xyaij,xybji->ab", v, df).real / n**2
    diagonal = np.einsum("xyaii,xybii->ab", v, df).real / n**2
    size = np.abs(full).max()
    suite.equal("haldane, t1_t2", result["/steady/conductivity"], full, 1e-9 * size, "same sums")
    suite.equal("haldane, t1_t2, populations", result["/steady/conductivity_population"], diagonal,
                1e-9 * size, "same sums")
    suite.equal("haldane, t1_t2, coherences", result["/steady/conductivity_coherence"],
                full - diagonal, 1e-9 * size, "same sums")
    suite.above("Hall conductivity", np.abs(full[0, 1] - full[1, 0]), 1e-3, "there is one")


def impurities(suite):
    """Scalar impurities in a parabolic gas, `steady` against the relaxed current of a run."""
    scenario = {"units": "natural", "model": {"kind": "parabolic", "mass": 1, "k_max": 3},
                "grid": {"k": [64, 64]},
                "initial": {"kind": "equilibrium", "temperature": 0.15, "chemical_potential": 0.8},
                "collisions": {"ansatz": "matrix", "broadening": 0.2, "reference": "equilibrium",
                               "terms": [{"kind": "impurity", "strength": 0.3,
                                          "vertex": "scalar"}]},
                "propagation": {"duration": 200, "rtol": 1e-8, "atol": 1e-13},
                "output": {"every": 200}}
    want = steady(suite, scenario)["/steady/conductivity"]
    suite.equal("isotropic", want, want[0, 0] * np.eye(2), 1e-9 * want[0, 0], "square symmetry")
    field = 1e-5
    result = suite.run(dict(scenario, field=[{"kind": "constant", "amplitude": field}]))
    suite.equal("parabolic gas, long run", result.trace("current")[-1, 0] / field, want[0, 0],
                1e-4 * want[0, 0], "the acceptance bound; 20 scattering times, E^2 heating 1e-6")


# Temperature: half width of the box, where f is below 1e-6, and a grid that resolves f. That is
# what spoils the conservation of spin: the sum of df_eq/dk over k, 0 for the integral, errs by
# exp(-2 pi^2 kT/(v dk)).
BOX = {0.25: (4.2, 48), 0.35: (4.8, 40)}


def rashba(ansatz, strength, width=0.3, kt=0.25):
    k_max, n = BOX[kt]
    return {"units": "natural", "grid": {"k": [n, n]},
            "model": {"kind": "rashba", "mass": 1, "alpha": 0.5, "gap": 0, "k_max": k_max},
            "initial": {"kind": "equilibrium", "temperature": kt, "chemical_potential": 0.8},
            "collisions": {"ansatz": ansatz, "broadening": width, "reference": "equilibrium",
                           "terms": [{"kind": "impurity", "strength": strength,
                                      "vertex": "scalar"}]},
            "observables": [{"name": "js", "current_of": "pauli_z", "axis": 1},
                            {"name": "sy", "matrix": "pauli_y"}],
            "propagation": {"duration": 1}}


def in_units(current, kt):
    """In units of e/8 pi per field: spin 1/2 of pauli_z/2, per area."""
    cell = np.pi**2 / BOX[kt][0]**2
    return 0.5 * current / cell * 8 * np.pi


def spin_hall(suite):
    """Rashba gas: no stationary spin-Hall current from scalar impurities, in units of e/8 pi."""
    table = list(itertools.product((0.3, 0.9), (0.3, 0.45), BOX))
    # causal costs five times as much: the half of the table that has every pair of values.
    for ansatz, points in (("matrix", table), ("causal", [table[i] for i in (0, 3, 5, 6)])):
        for strength, width, kt in points:
            result = steady(suite, rashba(ansatz, strength, width, kt))
            suite.equal(f"spin-Hall current, {ansatz}, V {strength}, broadening {width}, kT {kt}",
                        in_units(result["/steady/user/js"][0], kt), 0, 1e-6, "exact by conservation"
                        " where the grid resolves f_eq and the box edge is empty")


def switched_on(ansatz, strength, field, duration, width=0.45, **propagation):
    """A weak field from t = 0 on. The spin-Hall current is the difference of contributions of size
    `field` from many k: atol has to be 1e-9 of the field. At 1e-6 of it 1.4e-5 e/8 pi remain."""
    scenario = rashba(ansatz, strength, width=width, kt=0.35)
    scenario["field"] = [{"kind": "constant", "amplitude": field}]
    scenario["propagation"] = {"duration": duration, "rtol": 1e-6, "atol": 1e-9 * field,
                               **propagation}
    scenario["output"] = {"every": duration / 40}
    return scenario


def spin_hall_run(suite):
    """The same from runs: intrinsic at first, gone when the spins are stationary."""
    field, kt = 1e-4, 0.35
    # Under causal the principal values dress the whole box, and in its corners, where the density
    # of states vanishes, spin leaves ever more slowly: the current falls as 1/t^2. Strong and broad
    # impurities, and implicit steps, get there.
    cases = {"matrix": (1.2, 0.45, 60, {}, "exp(-16) of the transient, grid 2e-7"),
             "causal": (2.0, 1.5, 150, {"integrator": "bdf", "scheme": "unsplit"},
                        "the corners of the box, where spin still relaxes")}
    for ansatz, (strength, width, duration, steps, why) in cases.items():
        result = suite.run(switched_on(ansatz, strength, field, duration, width, **steps),
                           limit=500)
        current = in_units(result.trace("user/js") / field, kt)
        suite.above(f"spin-Hall current, {ansatz}, soon after switching on", np.abs(current).max(),
                    1e-3, "scattering has had no time")
        # dS_y/dt = 2 m alpha j (both of the trace of the Pauli matrix, 2 m alpha = 1) for any
        # state, if collisions conserve the spin: what is left of the current is spin that still
        # relaxes.
        time, spin = result.trace("time"), in_units(result.trace("user/sy") / field, kt)
        mean = np.dot(current[-11:], [0.5] + 9 * [1] + [0.5]) / 10
        suite.equal(f"spin balance, {ansatz}, last quarter", mean,
                    (spin[-1] - spin[-11]) / (time[-1] - time[-11]), 1e-6,
                    "exact; trapezoidal rule and rtol")
        suite.equal(f"spin-Hall current, {ansatz}, long run", current[-1], 0, 1e-6, why)
        want = steady(suite, rashba(ansatz, strength, width, kt))["/steady/user/sy"][0]
        suite.equal(f"spin polarization, {ansatz}, long run", result.trace("user/sy")[-1] / field,
                    want, 3e-4 * want, why)


def clean_spin_hall(suite):
    """Without collisions of the coherences: df_nm/dt = -i w df_nm - F (f_n - f_m)/w (dH/dk_x)_nm,
    solved for every k, w = e_n - e_m."""
    field, kt = 1e-4, 0.35
    result = suite.run(switched_on("diagonal", 0.3, field, 8))
    time = result.trace("time")
    k_max, n = BOX[kt]
    kx, ky = np.meshgrid(*2 * (-k_max + 2 * k_max * np.arange(n) / n,), indexing="ij")
    k = np.hypot(kx, ky)
    k[k == 0] = 1  # no splitting, no coherence
    f = [1 / (np.exp((0.5 * k**2 + s * 0.5 * k - 0.8) / kt) + 1) for s in (1, -1)]
    splitting = 2 * 0.5 * k
    # (v_x)_+- and (j_y^z)_-+ = k_y (sigma_z)_-+ have the product -i alpha k_y^2/k; F = -field.
    weight = (f[0] - f[1]) / splitting * 0.5 * ky**2 / k / splitting
    weight[(kx == 0) & (ky == 0)] = 0
    wave = 1 - np.cos(splitting[..., None] * time)
    want = in_units(2 * np.einsum("xy,xyt->t", weight, wave) / n**2, kt)
    suite.equal("spin-Hall current, diagonal, at every time",
                np.abs(in_units(result.trace("user/js") / field, kt)), np.abs(want), 1e-5,
                "first order in the field; rtol 1e-6")


def relaxation_time_spin_hall(suite):
    """What a relaxation time gives instead: the intrinsic value, e/8 pi where both bands are occupied
    and e/8 pi sqrt(1 + 2 E/(m alpha^2)) between the bottom and the crossing (where it is the difference
    of the two Fermi momenta over 2 m alpha), averaged over -f'."""
    kt, mu, depth = 0.25, 0.8, 0.5 * 0.5**2
    want = quad(lambda e: -fermi_slope(e, mu, kt) * np.sqrt(1 + e / depth), -depth, 0)[0]
    want += quad(lambda e: -fermi_slope(e, mu, kt), 0, 20)[0]
    for ansatz in ("rta", "diagonal"):
        scenario = rashba(ansatz, 0.06)
        scenario["grid"] = {"k": [72, 72]}  # for the cone at k = 0: the error falls as 1/N^2
        result = steady(suite, scenario)
        suite.equal(f"spin-Hall current, {ansatz}",
                    abs(in_units(result["/steady/user/js"][0], kt)), want, 1e-3,
                    "clean limit: corrections of order (rate/splitting)^2")


def edge_of_the_box(suite):
    """The box cuts the Fermi function off at 1e-3, so that the source does not conserve the number;
    the operator does, and has no inverse. The conductivity misses the tail of -f' v^2, no more."""
    kt, mu, mass, edge, n = 0.15, 0.5, 1.0, 1.75, 40
    scenario = {"units": "natural", "model": {"kind": "parabolic", "mass": mass, "k_max": edge},
                "grid": {"k": [n, n]}, "propagation": {"duration": 1},
                "initial": {"kind": "equilibrium", "temperature": kt, "chemical_potential": mu},
                "collisions": {"ansatz": "matrix", "broadening": 0.15,
                               "terms": [{"kind": "impurity", "strength": 0.3,
                                          "vertex": "scalar"}]}}
    got = steady(suite, scenario)["/steady/conductivity"]
    # What scatters in carries no current where points come in pairs k, -k: sum of -f' v^2/rate(e), the
    # rate being the broadened golden rule on the same grid.
    k = -edge + 2 * edge * np.arange(n) / n
    kx, ky = np.meshgrid(k, k, indexing="ij")
    e = ((kx**2 + ky**2) / 2 / mass).ravel()
    line = np.exp(-0.5 * ((e[:, None] - e) / 0.15)**2) / (np.sqrt(2 * np.pi) * 0.15)
    rate = 2 * np.pi * 0.3**2 * line.mean(axis=1)
    want = -np.sum(fermi_slope(e, mu, kt) * (kx.ravel() / mass)**2 / rate) / n**2
    suite.equal("cut off by the box", got[0, 0], want, 1e-3 * want,
                "points at -k_max have no partner; there -f' is 1/240 of its maximum")
    suite.equal("cut off by the box, isotropic", got, got[0, 0] * np.eye(2), 1e-3 * want,
                "square symmetry but for those points")


def bands_that_nothing_connects(suite):
    """A filled band of a k.p box leaks into the other through the unpaired points of the box, and
    impurities sharper than the gap do not bring it back: said, not hidden."""
    scenario = {"units": "natural", "grid": {"k": [32, 32]}, "propagation": {"duration": 1},
                "model": {"kind": "dirac2d", "velocity": 1, "gap": 0.5, "k_max": 3},
                "initial": {"kind": "equilibrium", "temperature": 0.07, "chemical_potential": 1.3},
                "collisions": {"ansatz": "matrix", "broadening": 0.2,
                               "terms": [{"kind": "impurity", "strength": 0.3,
                                          "vertex": "scalar"}]}}
    said = any("no term of collisions empties again" in w for w in steady(suite, scenario).warnings())
    suite.equal("warning", int(said), 1, 0, "the response is 1e5 times too large")
    scenario["collisions"]["ansatz"] = "diagonal"
    quiet = any("empties again" in w for w in steady(suite, scenario).warnings())
    suite.equal("no warning", int(quiet), 0, 0, "populations alone do not leak")


# --- what is conserved stays: a dense solution ----------------------------------------------------

# A Rice-Mele chain with orbitals off their cell: no center of inversion, so that scattering makes
# f_eq(k) + df(k) even and odd parts alike.
T1, T2, MASS, POSITIONS, KT, MU, WIDTH, N_CHAIN = 1.0, 0.6, 0.3, (0.1, 0.75), 0.5, -1.2, 0.3, 24
BASIS = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 1], [1, 0]], [[0, 1j], [-1j, 0]]])
BASIS = BASIS / np.sqrt([1, 1, 2, 2])[:, None, None]
ONSITE = [np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]


def anticommutator(a, b):
    return a @ b + b @ a


def gauss(x):
    return np.exp(-0.5 * (x / WIDTH)**2) / (np.sqrt(2 * np.pi) * WIDTH)


def phonon_kernels(omega, coupling):
    """K^< and K^> of `spectral`, x = e - e', q: 2 pi g^2 [G(x - w) - G(x + w)] {n(x), n(x) + 1}."""
    def kernels(x, q, beta):
        near = np.abs(x) < 1e-9  # n(x) ~ kT/x there, and the line falls as x
        x = np.where(near, 1, x)
        size = 2 * np.pi * coupling**2
        line = size * (gauss(x - omega) - gauss(x + omega))
        zero = size * 2 * gauss(omega) * omega / WIDTH**2 * KT
        return (np.where(near, zero, line / np.expm1(x / KT)),
                np.where(near, zero, line * (1 + 1 / np.expm1(x / KT))))
    return kernels


def impurity_kernels(strength, form, displaces):
    def kernels(x, q, beta):
        shift = 0.5 * beta * WIDTH**2 if displaces else 0
        size = 2 * np.pi * strength**2 * form(q)
        return size * gauss(x + shift), size * gauss(x - shift)
    return kernels


class DenseChain:
    """Equation (8) for the matrix Ansatz as a matrix over k, by central differences of an operator
    that is quadratic in f, for which they are exact. Terms are pairs of kernels and vertices."""

    def __init__(self, terms, keeps_energy):
        n = N_CHAIN
        k = 2 * np.pi * np.arange(n) / n
        hop = T1 + T2 * np.exp(-1j * k)
        slope = -1j * T2 * np.exp(-1j * k)
        self.h = np.array([[[MASS, a], [np.conj(a), -MASS]] for a in hop])
        r = np.diag(POSITIONS)
        self.velocity = (np.array([[[0, a], [np.conj(a), 0]] for a in slope])
                         + 1j * (self.h @ r - r @ self.h))
        self.q = (k[:, None] - k + np.pi) % (2 * np.pi) - np.pi
        self.terms, self.beta = terms, 1 / KT
        self.level, vector = np.linalg.eigh(self.h)
        self.projector = np.einsum("kan,kbn->knab", vector, vector.conj())
        f = self.equilibrium()
        columns = [self.rate(f + 0.1 * d) / 0.2 - self.rate(f - 0.1 * d) / 0.2
                   - 1j * (self.h @ d - d @ self.h) for d in self.directions()]
        matrix = np.array([self.coordinates(c) for c in columns]).T
        rows = [self.coordinates(np.broadcast_to(np.eye(2), f.shape))]
        if keeps_energy:
            # beta moves with df so that the energy stays.
            step = 1e-4
            slopes = []
            for self.beta in (1 / KT + step, 1 / KT - step):
                slopes.append(self.coordinates(self.rate(f)))
            self.beta, moved = 1 / KT, (slopes[0] - slopes[1]) / (2 * step)
            energy = self.coordinates(self.h)
            matrix = matrix - np.outer(moved, energy @ matrix) / (energy @ moved)
            rows.append(energy)
        s = np.fft.fftfreq(n, 1 / n)
        source = np.fft.ifft(1j * s[:, None, None] * np.fft.fft(f, axis=0), axis=0) - 1j * (r @ f - f @ r)
        rhs = np.concatenate([self.coordinates(source), np.zeros(len(rows))])
        full = np.vstack([matrix] + [row / n for row in rows])
        answer = np.linalg.lstsq(full, rhs, rcond=None)[0]
        self.residual = np.abs(full @ answer - rhs).max() / np.abs(rhs).max()
        self.df = np.einsum("kb,bij->kij", answer.reshape(n, 4), BASIS)

    def equilibrium(self):
        return np.einsum("kn,knab->kab", 1 / (np.exp((self.level - MU) / KT) + 1), self.projector)

    def directions(self):
        for k in range(N_CHAIN):
            for b in BASIS:
                d = np.zeros((N_CHAIN, 2, 2), complex)
                d[k] = b
                yield d

    def coordinates(self, x):
        return np.einsum("kij,bji->kb", x, BASIS).real.ravel()

    def rate(self, f):
        p, one = self.projector, np.eye(2)
        occupied, free = anticommutator(p, f[:, None]) / 2, anticommutator(p, one - f[:, None]) / 2
        x = self.level[:, :, None, None] - self.level
        result = np.zeros_like(f)
        for kernels, vertices in self.terms:
            lesser, greater = kernels(x, self.q[:, None, :, None], self.beta)
            for m in vertices:
                inward = np.einsum("knpm,pmab->knab", lesser, m @ occupied @ m) / N_CHAIN
                outward = np.einsum("knpm,pmab->knab", greater, m @ free @ m) / N_CHAIN
                result -= (anticommutator(outward, occupied) - anticommutator(inward, free)).sum(1) / 2
        return result

    def mean(self, operator):
        return np.einsum("kij,kji->", np.broadcast_to(operator, self.df.shape), self.df).real / N_CHAIN


def what_is_conserved(suite):
    """The field makes no particles, and no energy to first order; where collisions conserve them, the
    equation alone leaves open how much of them the response holds."""
    term = {"kind": "impurity", "strength": 1.0, "vertex": "scalar", "form": {"kind": "gaussian", "q0": 2}}
    phonon = {"kind": "phonon", "energy": 0.5, "coupling": 0.6, "vertex": "onsite", "temperature": KT}
    elastic = {"kind": "impurity", "strength": 0.7, "vertex": "onsite", "energy_conserving": True}
    cases = {
        "phonons and impurities": ([phonon, term], False, [
            (phonon_kernels(0.5, 0.6), ONSITE),
            (impurity_kernels(1.0, lambda q: np.exp(-q**2 / 8), False), [np.eye(2)])], 1e-8,
            "GMRES to 1e-11"),
        "impurities that keep the energy": ([elastic], True, [
            (impurity_kernels(0.7, np.ones_like, True), ONSITE)], 1e-5,
            "the derivative with respect to beta, central differences of 1e-3"),
    }
    for name, (terms, keeps_energy, kernels, tolerance, why) in cases.items():
        scenario = {"units": "natural", "charge": 1, "grid": {"k": [N_CHAIN]},
                    "model": {"kind": "ssh", "t1": T1, "t2": T2, "mass": MASS, "positions": POSITIONS},
                    "initial": {"kind": "equilibrium", "temperature": KT, "chemical_potential": MU},
                    "collisions": {"ansatz": "matrix", "reference": "equilibrium", "broadening": WIDTH,
                                   "terms": terms},
                    "observables": [{"name": "n", "matrix": "identity"}, {"name": "sz", "matrix": "pauli_z"}],
                    "propagation": {"duration": 1}}
        result = steady(suite, scenario)
        dense = DenseChain(kernels, keeps_energy)
        suite.equal(f"{name}: the dense equations have a solution", dense.residual, 0, 1e-10,
                    "all sources of what is conserved vanish; rounding, f_eq resolved to 1e-11")
        df = result["/steady/delta_f"][0]
        size = np.abs(df).sum() / N_CHAIN
        suite.equal(f"{name}: particles", np.einsum("kii->", df).real / N_CHAIN, 0, 1e-10 * size,
                    "residual 1e-11")
        suite.equal(f"{name}: observable n", result["/steady/user/n"][0], 0, 1e-10 * size, "the same")
        if keeps_energy:
            suite.equal(f"{name}: energy", np.einsum("kij,kji->", dense.h, df).real / N_CHAIN, 0,
                        1e-10 * size, "residual 1e-11, H of size 1")
        suite.equal(f"{name}: df", df, dense.df, tolerance * np.abs(dense.df).max(), why)
        for key, operator in (("conductivity", dense.velocity), ("user/sz", np.diag([1, -1]))):
            want = dense.mean(operator)
            suite.equal(f"{name}: {key}", np.ravel(result[f"/steady/{key}"])[0], want,
                        tolerance * size, why)
            suite.above(f"    size of {key}", abs(want), 1e-3, "otherwise nothing is tested")


if __name__ == "__main__":
    main([chain, haldane, impurities, spin_hall, spin_hall_run, clean_spin_hall,
          relaxation_time_spin_hall, edge_of_the_box,
          bands_that_nothing_connects, what_is_conserved])
