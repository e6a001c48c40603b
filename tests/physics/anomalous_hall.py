#!/usr/bin/python3
"""Anomalous Hall conductivity of a massive Dirac cone with scalar impurities by `keldrift steady`.

H = k_x sigma_x + k_y sigma_y + Delta sigma_z (hbar = v = |e| = 1), the chemical potential in the upper
band. Three oracles that share nothing with the program: a dense solution of the same linear system in
numpy on a small grid, for every Ansatz; closed forms of each Ansatz for weak disorder, averaged over
-f'; and the noncrossing sum of Sinitsyn et al., Phys. Rev. B 75, 045315 (2007), where they agree.
"""

import json
import os
import sys

import numpy as np
from scipy.special import dawsn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import Result, RunFailed, main
from oracle import box_grid, dagger, dirac2d, fermi, flat, two_band

GAP, K_MAX, KT, MU = 0.5, 3.0, 0.07, 1.3
CELL = (2 * np.pi)**2 / (2 * K_MAX)**2


def terms(strength, leak):
    """The impurities, and the same ones far weaker and so broad that they connect the bands.

    The box has points on its lower edges but not on the upper ones, so that the filled band is not
    inversion symmetric there and the field moves a few electrons from one band to the other. With a
    broadening far below the gap nothing moves them back: their number would be undetermined.
    """
    return [{"kind": "impurity", "strength": strength, "vertex": "scalar"},
            {"kind": "impurity", "strength": strength * np.sqrt(leak), "vertex": "scalar",
             "broadening": 1.0}]


def steady(suite, n, ansatz, strength, broadening, kinetic=False, leak=1e-3):
    """Per area: conductivity and its parts from populations and from coherences, each [2, 2]."""
    suite.runs += 1
    stem = f"steady{suite.runs:03d}"
    suite.write(stem + ".yaml", json.dumps({
        "units": "natural", "grid": {"k": [n, n]},
        "model": {"kind": "dirac2d", "velocity": 1, "gap": GAP, "k_max": K_MAX},
        "initial": {"kind": "equilibrium", "temperature": KT, "chemical_potential": MU},
        "collisions": {"ansatz": ansatz, "broadening": broadening, "kinetic_corrections": kinetic,
                       "terms": terms(strength, leak)},
        "propagation": {"duration": 1}}))
    done = suite.execute(["steady", stem + ".yaml", "-o", stem + ".h5", "--quiet", "--threads",
                          "1"])
    if done.returncode != 0:
        raise RunFailed(f"exit status {done.returncode} (expected 0): {done.stderr.strip()}")
    result = Result(suite.path(stem + ".h5"))
    return [result["/steady/conductivity" + part] / CELL
            for part in ("", "_population", "_coherence")]


def hall(tensor):
    """sigma_xy without what the one-sided edges add.

    That is a function of H times a current along (1, 1), whatever the field: it drops out of xx - yx
    and of xy - yy. In an isotropic system the mean of the two is sigma_xy.
    """
    return 0.5 * (tensor[0, 0] - tensor[1, 0] + tensor[0, 1] - tensor[1, 1])


# --- closed forms ---------------------------------------------------------------------------------


def over_fermi_surface(function):
    """Integral of -f'(E) function(E) over the upper band."""
    node, weight = np.polynomial.legendre.leggauss(400)
    half = (MU + 40 * KT - GAP) / 2
    energy = GAP + half * (1 + node)
    return half * weight @ (function(energy) / (4 * KT * np.cosh((energy - MU) / (2 * KT))**2))


def over_box(function):
    """Integral of d^2k/(2 pi)^2 (f_- - f_+)/2 function(s) over the box, s = sqrt(k^2 + Delta^2)."""
    node, weight = np.polynomial.legendre.leggauss(240)
    k, weight = K_MAX / 2 * (1 + node), K_MAX / 2 * weight
    s = np.sqrt(k[:, None]**2 + k**2 + GAP**2)
    occupied = (fermi(-s, MU, KT) - fermi(s, MU, KT)) / 2
    return 4 * weight @ (occupied * function(s)) @ weight / (2 * np.pi)**2


def d_of(s):
    return s**2 + 3 * GAP**2  # u^2 + 4 Delta^2


def intrinsic():
    """Berry curvature of what is occupied in the box."""
    return -over_box(lambda s: GAP / s**3)


def half_side_jump():
    """-(Delta/4 pi s) 2 u^2/D: coherences that the scattering of the displaced populations makes."""
    return -over_fermi_surface(lambda s: GAP / (2 * np.pi * s) * (s**2 - GAP**2) / d_of(s))


def skew():
    return -over_fermi_surface(
        lambda s: 3 * GAP / (4 * np.pi * s) * (s**2 - GAP**2)**2 / d_of(s)**2)


def sea_populations():
    """What `matrix` makes of the intrinsic coherences: populations in the empty states above E_F, and
    as many holes in the filled band below -E_F."""
    return -over_box(lambda s: GAP / s**3 * (s**2 - GAP**2) / d_of(s))


def formulas(suite):
    """Intrinsic part: the Kubo sum at T = 0 against the first term of Sinitsyn and the sea left out."""
    node, weight = np.polynomial.legendre.leggauss(60)
    curvature = 0
    h = dirac2d(1, GAP)
    # Polar coordinates, from k_F to the edge: eight octants of the square.
    k_fermi = np.sqrt(MU**2 - GAP**2)
    for phi, weight_phi in zip(np.pi / 8 * (1 + node), np.pi / 8 * weight):
        edge = K_MAX / np.cos(phi)
        k = k_fermi + (edge - k_fermi) / 2 * (1 + node)
        energy, s = np.linalg.eigh(h(np.stack([k * np.cos(phi), k * np.sin(phi)], axis=-1)))
        vx, vy = (dagger(s) @ two_band(0, x, y, 0) @ s for x, y in ((1, 0), (0, 1)))
        # Static Hall response of the lower band per field.
        omega = 2 * (vx[:, 0, 1] * vy[:, 1, 0]).imag / (energy[:, 0] - energy[:, 1])**2
        curvature += 8 * weight_phi * (edge - k_fermi) / 2 * weight @ (omega * k)
    kubo = curvature / (2 * np.pi)**2
    outside = np.arctan(GAP * np.sqrt(2 * K_MAX**2 + GAP**2) / K_MAX**2) / (2 * np.pi**2)
    suite.equal("intrinsic part at T = 0", kubo, -GAP / (4 * np.pi * MU) + outside, 1e-10,
                "Gauss quadrature; -Delta/4 pi E_F minus the sea outside the box")


# --- dense solution -------------------------------------------------------------------------------


def dense(n, ansatz, strength, broadening, kinetic=False, leak=1e-3):
    """The tensors of `steady` from -i [H, x] + C[x] = F.grad f_eq, with every matrix written out.

    Fields are [k, 2, 2] in the orbital basis. C[x] = Z + Z^+, and with the half-line transforms
    t(x) = K(x)/2 + i kappa R(x) of the kernel, T_p(k) = (1/N) sum_k'm t(e_p(k) - e_m(k')) G_m(k'):
    matrix, kappa = 1: Z = -sum_p (T_p[P] F_p - T_p[F] P_p), F_p = {P_p, x}/2; kappa = 0 is half of that
    plus half with the factors exchanged. average: the pieces are x_pp and the coherence, at its mean
    energy.
    causal: the same with G_m = P_m x inside and F_p = x P_p outside.
    """
    k = flat(box_grid(K_MAX, [n, n]))
    n_k = len(k)
    h = dirac2d(1, GAP)(k)
    energy, s = np.linalg.eigh(h)
    p = np.einsum("kan,kbn->knab", s, s.conj())
    v = [np.broadcast_to(two_band(0, x, y, 0), h.shape) for x, y in ((1, 0), (0, 1))]
    f = fermi(energy, MU, KT)
    gap = energy[:, :, None] - energy[:, None, :]
    ratio = np.where(np.eye(2, dtype=bool), (-f * (1 - f) / KT)[:, :, None],
                     (f[:, :, None] - f[:, None, :]) / np.where(gap == 0, 1, gap))
    grad = [s @ (ratio * (dagger(s) @ v_i @ s)) @ dagger(s) for v_i in v]

    if ansatz == "average":  # Pieces: the two populations, then the coherence.
        level = np.concatenate([energy, energy.mean(axis=1, keepdims=True)], axis=1)
        weight = np.concatenate([p, 0 * p[:, :1]], axis=1)
    else:
        level, weight = energy, p
    kappa = 1 if kinetic or ansatz == "causal" else 0
    x = level.reshape(-1, 1) - level.reshape(1, -1)
    t = 0
    for width, part in ((broadening, 1), (1.0, leak)):
        y = x / (np.sqrt(2) * width)
        kernel = np.sqrt(np.pi) / 2 * np.exp(-y**2) + 1j * kappa * dawsn(y)
        t = t + strength**2 * part / n_k * np.sqrt(2) / width * kernel

    def transform(g):
        return (t @ g.reshape(-1, 4)).reshape(g.shape)

    static = transform(weight)
    rate = 2 * np.einsum("knab,knba->kn", static[:, :2], p).real

    def pieces(x):
        if ansatz == "average":
            part = p @ x[:, None] @ p
            return np.concatenate([part, (x - part.sum(axis=1))[:, None]], axis=1)
        if ansatz == "causal":
            return p @ x[:, None]
        return 0.5 * (p @ x[:, None] + x[:, None] @ p)

    def collision(x):
        if ansatz == "rta":
            damping = 0.5 * (rate[:, :, None] + rate[:, None, :])
            return -s @ (damping * (dagger(s) @ x @ s)) @ dagger(s)
        if ansatz == "diagonal":
            diagonal = p @ x[:, None] @ p
            inside = 2 * transform(diagonal)
            gain = np.einsum("knab,knba->kn", inside, p)
            loss = rate * np.einsum("knab,kba->kn", p, x)
            return np.einsum("kn,knab->kab", gain - loss, p)
        inside = pieces(x)
        outside = dagger(inside) if ansatz == "causal" else inside
        lesser = transform(inside)
        z = (static @ outside - lesser @ weight).sum(axis=1)
        y = z if ansatz == "causal" else (outside @ static - weight @ lesser).sum(axis=1)
        z = -0.5 * ((1 + kappa) * z + (1 - kappa) * y)
        return z + dagger(z)

    # Coordinates of a Hermitian matrix in the Pauli matrices.
    pauli = np.array([two_band(1, 0, 0, 0), *(two_band(0, *unit) for unit in np.eye(3))])

    def pack(x):
        return 0.5 * np.einsum("iab,kba->ik", pauli, x).real.ravel()

    def unpack(y):
        return np.einsum("ik,iab->kab", y.reshape(4, n_k), pauli)

    def apply(y):
        x = unpack(y)
        return pack(-1j * (h @ x - x @ h) + collision(x))

    matrix = np.array([apply(unit) for unit in np.eye(4 * n_k)]).T
    source = np.stack([pack(g) for g in grad], axis=1)
    # The number of particles is conserved: least squares leaves out the one direction without rate.
    response = np.linalg.lstsq(matrix, source, rcond=1e-12)[0]
    tensors = np.zeros((3, 2, 2))
    for j in range(2):
        df = unpack(response[:, j])
        population = np.einsum("knab,kbc,kncd->kad", p, df, p)
        for i in range(2):
            full = np.einsum("kab,kba->", v[i], df).real / n_k / CELL
            part = np.einsum("kab,kba->", v[i], population).real / n_k / CELL
            tensors[:, i, j] = full, part, full - part
    return tensors


CASES = (("matrix", False), ("matrix", True), ("causal", False), ("average", False),
         ("diagonal", False), ("rta", False))


def small_grid(suite):
    for ansatz, kinetic in CASES:
        want = dense(14, ansatz, 0.4, 0.4, kinetic)
        got = steady(suite, 14, ansatz, 0.4, 0.4, kinetic)
        name = ansatz + (", kinetic corrections" if kinetic else "")
        for part, a, b in zip(("all", "populations", "coherences"), got, want):
            suite.equal(f"dense solution, {name}, {part}", a, b, 1e-8 * np.abs(want).max(),
                        "same sums; GMRES to 1e-11, the slowest mode 100 times slower")


# --- weak disorder --------------------------------------------------------------------------------

# Broadening: points per axis, with level spacings of 0.19 and 0.13 below it.
POINTS = {0.2: 32, 0.15: 48}


def response(suite, ansatz, strength, broadening, kinetic=False, leak=1e-3):
    """sigma_xy and its parts from populations and coherences."""
    tensors = steady(suite, POINTS[broadening], ansatz, strength, broadening, kinetic, leak)
    return np.array([hall(tensor) for tensor in tensors])


def to_zero(x1, y1, x2, y2):
    """Straight line through two points, at x = 0."""
    return y1 - x1 * (y2 - y1) / (x2 - x1)


def intrinsic_only(suite):
    """diagonal and rta: nothing but the Berry curvature, all of it in the coherences."""
    for ansatz, tolerance, why in (
            ("diagonal", 1e-5, "half a row of points at the edge of the box, second order: 4e-6"),
            ("rta", 5e-5, "coherences decay: (rate/2 E_F)^2 of 0.02, and the edge")):
        total, population, coherence = response(suite, ansatz, 0.3, 0.15)
        suite.equal(f"{ansatz}, coherences", coherence, intrinsic(), tolerance, why)
        suite.equal(f"{ansatz}, populations", population, 0, 1e-10, "no coherence acts on them")
        suite.equal(f"{ansatz}, all", total, intrinsic(), tolerance, why)


def average(suite):
    """average: half the side jump besides. Coherences scatter at their mean energy, inside the gap."""
    total, population, coherence = response(suite, "average", 0.3, 0.15)
    suite.equal("average, coherences", coherence, intrinsic() + half_side_jump(), 1e-4,
                "broadening^2 and the edge: 3e-5 here, 1e-5 at 0.1 and 64 points")
    suite.equal("average, populations", population, 0, 1e-4, "Gaussian tails in the gap: 2e-5")


def matrix(suite):
    """matrix: 2/3 of the skew scattering besides, and populations out of the filled sea."""
    points = [0.3, 0.2], [0.3, 0.15]
    values = [response(suite, "matrix", *point) for point in points]
    total, population, coherence = to_zero(0.2**2, values[0], 0.15**2, values[1])
    why = "broadening^4, strength^4, edge: up to 1.4e-4 here, 3e-5 with a third broadening, 0.1"
    suite.equal("matrix, coherences", coherence, intrinsic() + half_side_jump(), 2e-4, why)
    suite.equal("matrix, populations", population, sea_populations() + skew() * 2 / 3, 2e-4, why)
    noncrossing = intrinsic() + 2 * half_side_jump() + skew()
    suite.above("matrix, what is missing of the noncrossing sum", total - noncrossing, 0.03,
                "half the side jump and a third of the skew scattering, less the sea: 0.0319")


def principal_values(suite):
    """causal: twice as much of the sea. Matrix with kinetic corrections: the same coherences."""
    weak = {}
    for broadening in POINTS:
        values = [response(suite, "causal", strength, broadening, leak=1e-2)
                  for strength in (0.2, 0.3)]
        weak[broadening] = to_zero(0.2**2, values[0], 0.3**2, values[1])
    total, population, coherence = to_zero(0.2**2, weak[0.2], 0.15**2, weak[0.15])
    why = "strength^4, broadening^4, and 1.5e-4 for the weak connection of the bands"
    suite.equal("causal, coherences", coherence, intrinsic() + half_side_jump(), 5e-4, why)
    suite.equal("causal, populations", population, 2 * sea_populations() + skew() * 2 / 3, 5e-4,
                why)
    values = [response(suite, "matrix", strength, 0.15, kinetic=True) for strength in (0.2, 0.3)]
    suite.equal("kinetic corrections, coherences", to_zero(0.2**2, values[0], 0.3**2, values[1])[2],
                intrinsic() + half_side_jump(), 1e-4, "strength^4, broadening^2 and the edge: 3e-5")


if __name__ == "__main__":
    main([formulas, small_grid, intrinsic_only, average, matrix, principal_values])
