"""The kinetic equation of a Rice-Mele chain with one bath per orbital, by double sums in numpy.

Nothing here comes from keldrift: it is what keldrift is compared with. With P_n the projectors on
the levels e_n of H(k), F_n = {P_n, f}/2 and H_n = {P_n, 1 - f}/2,

    S^<_kn = (1/N_k) sum_k'm sum_a M_a K^<(e_kn - e_k'm) F_k'm M_a, S^> with K^>(x) = K^<(-x) and H
    R as S, with (1/2 pi) PV int dy K(y)/(x - y) in place of K(x)
    C[f] = -(1/2 hbar) sum_n ({S^>_n, F_n} - {S^<_n, H_n})
           - (i kappa/hbar) sum_n ([R^>_n, F_n] - [R^<_n, H_n])

where M_a are the projectors on the orbitals. Units: eV, fs, angstrom.
"""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

HBAR = 0.6582119569  # eV fs
BOLTZMANN = 8.617333262e-5  # eV/K
PAULI = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]]])


def dagger(m):
    return np.conj(np.swapaxes(m, -1, -2))


def gauss(x, sigma):
    return np.exp(-0.5 * (x / sigma)**2) / (np.sqrt(2 * np.pi) * sigma)


def phonon_kernel(branches, kt, sigma):
    """K^<(x), x the energy gained, of (energy, coupling) pairs: spectral function times n_B(x)."""

    def kernel(x):
        near = np.abs(x) < 1e-9
        y = np.where(near, 1, x)
        out = 0
        for energy, coupling in branches:
            line = (gauss(y - energy, sigma) - gauss(y + energy, sigma)) / np.expm1(y / kt)
            at_zero = 2 * energy * kt / sigma**2 * gauss(energy, sigma)
            out = out + 2 * np.pi * coupling**2 * np.where(near, at_zero, line)
        return out

    return kernel


def principal_value(kernel, reach, step=2.5e-4, points=1401):
    """(1/2 pi) PV int dy kernel(y)/(x - y) = (1/2 pi) int_0^inf du [K(x - u) - K(x + u)]/u for
    |x| <= reach, by the midpoint rule: the integrand is smooth, also at u = 0."""
    x = np.linspace(-reach, reach, points)
    out = np.zeros(points)
    for u in np.arange(0.5 * step, 2 * reach, step):
        out += (kernel(x - u) - kernel(x + u)) / u * step
    return CubicSpline(x, out / (2 * np.pi))


def rice_mele(t1, t2, mass, a):
    def hamiltonian(k):
        out = np.zeros(k.shape + (2, 2), complex)
        out[..., 0, 1] = t1 + t2 * np.exp(-1j * k * a)
        out[..., 1, 0] = np.conj(out[..., 0, 1])
        out[..., 0, 0], out[..., 1, 1] = mass, -mass
        return out

    return hamiltonian


def fermi_matrix(h, mu, kt):
    """Fermi function of a stack of matrices; kt = 0: the ground state."""
    level, s = np.linalg.eigh(h)
    f = 1.0 * (level < mu) if kt == 0 else 1 / (np.exp((level - mu) / kt) + 1)
    return (s * f[..., None, :]) @ dagger(s)


class Chain:
    """n_k points of a chain, spin 1/2 left out. kappa = 1 where `principal` is given."""

    def __init__(self, hamiltonian, n_k, a, positions, kernel, principal=None):
        self.hamiltonian, self.kernel, self.principal = hamiltonian, kernel, principal
        self.k = 2 * np.pi * np.arange(n_k) / (n_k * a)
        self.r = np.diag(positions)

    def tables(self, h):
        """Eigenvectors, and the kernels between all pairs of levels."""
        level, s = np.linalg.eigh(h)
        x = level.ravel()[:, None] - level.ravel()[None]
        return s, self.kernel(x) / len(h), self.principal(x) / len(h) if self.principal else None

    def collision(self, tables, f):
        s, k, q = tables
        projector = np.einsum("kan,kbn->knab", s, np.conj(s))
        occupied = (projector @ f[:, None] + f[:, None] @ projector) / 2
        empty = projector - occupied

        def apply(table, pieces):
            diagonal = np.real(np.einsum("knaa->kna", pieces)).reshape(-1, 2)
            return (table @ diagonal).reshape(len(f), 2, 2)

        # T = S/2 + i R, diagonal in the orbitals. x is antisymmetric under an exchange of the pair,
        # so that K^> is the transpose of K^<, and its principal value minus the transpose.
        t_out, t_in = 0.5 * apply(k.T, empty) + 0j, 0.5 * apply(k, occupied) + 0j
        if q is not None:
            t_out -= 1j * apply(q.T, empty)
            t_in += 1j * apply(q, occupied)
        b = np.einsum("kna,knab->kab", t_out, occupied) - np.einsum("kna,knab->kab", t_in, empty)
        return -(b + dagger(b)) / HBAR

    def evolve(self, f, force, displacement, times, rtol=1e-6):
        """f [t, k, 2, 2] at `times`, on the grid k + displacement(t)."""

        def rate(t, y):
            g = y.reshape(f.shape)
            h = self.hamiltonian(self.k + displacement(t))
            full = h - force(t) * self.r
            return ((-1j / HBAR) * (full @ g - g @ full)
                    + self.collision(self.tables(h), g)).ravel()

        done = solve_ivp(rate, (times[0], times[-1]), f.ravel().astype(complex), method="DOP853",
                         t_eval=times, rtol=rtol, atol=rtol / 100)
        return done.y.T.reshape((len(times),) + f.shape)

    def stationary(self, f):
        """The f without field that does not change and has the trace of the given one, by Newton's
        method from there."""
        h = self.hamiltonian(self.k)
        tables = self.tables(h)
        trace = np.tile([1.0, 1, 0, 0], len(f)) / len(f)

        def pack(m):
            return np.real(np.einsum("kab,cba->kc", m, PAULI) / [1, 1, 2, 2]).ravel()

        def unpack(y):
            return np.einsum("kc,cab->kab", y.reshape(len(f), 4), PAULI)

        def rate(y):
            g = unpack(y)
            return pack((-1j / HBAR) * (h @ g - g @ h) + self.collision(tables, g))

        y = pack(f)
        number = trace @ y
        for _ in range(20):
            # Exact up to rounding, since the rate is quadratic in f.
            jacobian = np.array([(rate(y + e) - rate(y - e)) / 2e-3
                                 for e in 1e-3 * np.eye(y.size)]).T
            step = np.linalg.lstsq(np.vstack([jacobian, trace]),
                                   -np.append(rate(y), trace @ y - number), rcond=None)[0]
            y = y + step
            if np.max(np.abs(step)) < 1e-12:
                return unpack(y)
        raise RuntimeError("Newton's method does not converge")

    def coherence_poles(self, f):
        """(shift, decay) in eV, [k]: what the collisions add to the energy e_1 - e_0 of a coherence
        at one k and hbar times its decay rate, with all else at f, to second order:

            shift = (1/2) sum_n (<1|R_n|1> - <0|R_n|0>), decay = (1/4) sum_nm <m|S_n|m>

        with R = R^> + R^< and S = S^> + S^<.
        """
        s, k, q = self.tables(self.hamiltonian(self.k))
        weight = np.abs(s)**2
        p = np.real(np.einsum("kan,kab,kbn->kn", np.conj(s), f, s))
        occupied = np.einsum("kan,kn->kna", weight, p).reshape(-1, 2)
        empty = np.einsum("kan,kn->kna", weight, 1 - p).reshape(-1, 2)
        total = (k.T @ empty + k @ occupied).reshape(len(f), 2, 2)
        shifts = (q @ occupied - q.T @ empty).reshape(len(f), 2, 2)
        level = np.einsum("kna,kam->knm", shifts, weight)
        decay = np.einsum("kna,kam->knm", total, weight)
        return 0.5 * (level[:, :, 1] - level[:, :, 0]).sum(axis=1), 0.25 * decay.sum(axis=(1, 2))
