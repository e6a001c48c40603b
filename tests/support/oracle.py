"""Two-level and few-band quantum mechanics from the equations alone, independent of the program.

    d f/dt = -(i/hbar) [H(k) - F.r(k), f] - (1/hbar) F.df/dk

is solved along k(t) = k0 + (1/hbar) int F dt, where it is f(k(t), t) = U f0 U^+ with
i hbar dU/dt = (H(k(t)) - F(t).r(k(t))) U. Every H here takes k [n, d] and gives [n, b, b].
"""

import numpy as np
from scipy.integrate import solve_ivp

# CODATA 2018; h, e and k_B are exact. Rounded to ten digits they would cost 1e-9 in a long phase.
ELEMENTARY_CHARGE = 1.602176634e-19  # C
HBAR = 6.62607015e-34 / (2 * np.pi) / ELEMENTARY_CHARGE * 1e15  # eV fs
BOLTZMANN = 1.380649e-23 / ELEMENTARY_CHARGE  # eV/K
ELECTRON_MASS = 9.1093837015e-31  # kg
HBAR2_2M = ((6.62607015e-34 / (2 * np.pi))**2 / (2 * ELECTRON_MASS) / ELEMENTARY_CHARGE
            * 1e20)  # eV angstrom^2, hbar^2 / (2 m_e)

PAULI_0 = np.eye(2, dtype=complex)
PAULI_X = np.array([[0, 1], [1, 0]], dtype=complex)
PAULI_Y = np.array([[0, -1j], [1j, 0]], dtype=complex)
PAULI_Z = np.array([[1, 0], [0, -1]], dtype=complex)


def two_band(d0, dx, dy, dz):
    """d0 + d.sigma for arrays of any one shape."""
    d0, dx, dy, dz = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (d0, dx, dy, dz)))
    return (d0[..., None, None] * PAULI_0 + dx[..., None, None] * PAULI_X
            + dy[..., None, None] * PAULI_Y + dz[..., None, None] * PAULI_Z)


def off_diagonal(h, m):
    """[[m, h], [h*, -m]]."""
    return two_band(0 * h.real, h.real, -h.imag, m + 0 * h.real)


def ssh(t1, t2, mass, a):
    return lambda k: off_diagonal(t1 + t2 * np.exp(-1j * k[:, 0] * a), mass)


def chain(hopping, a):
    return lambda k: (-2 * hopping * np.cos(k * a).sum(axis=1))[:, None, None].astype(complex)


def dirac1d(hv, gap):
    return lambda k: two_band(0, gap, 0, hv * k[:, 0])


def dirac2d(hv, gap):
    return lambda k: two_band(0, hv * k[:, 0], hv * k[:, 1], gap)


def graphene_vectors(a):
    return a * np.array([[1, 0], [0.5, np.sqrt(3) / 2]])


def graphene(t, mass, a, t2=0.0, phase=0.0):
    a1, a2 = graphene_vectors(a)

    def hamiltonian(k):
        h = -t * (1 + np.exp(-1j * k @ a1) + np.exp(-1j * k @ a2))
        # The entry for A -> A + R of the list <0|H|R> is t2 exp(i phase).
        on_a = sum(2 * t2 * np.cos(k @ r + phase) for r in (a1, -a2, a2 - a1))
        on_b = sum(2 * t2 * np.cos(k @ r - phase) for r in (a1, -a2, a2 - a1))
        full = off_diagonal(h, mass)
        full[:, 0, 0] += on_a
        full[:, 1, 1] += on_b
        return full

    return hamiltonian


def reciprocal(vectors):
    """Rows b_j with a_i.b_j = 2 pi delta_ij."""
    return 2 * np.pi * np.linalg.inv(vectors).T


def zone_grid(vectors, counts):
    """k = sum_i (j_i / n_i) b_i, as [n_1, ..., n_d, d]."""
    vectors = np.atleast_2d(np.asarray(vectors, dtype=float))
    axes = np.meshgrid(*(np.arange(n) / n for n in counts), indexing="ij")
    return np.stack(axes, axis=-1) @ reciprocal(vectors)


def box_grid(k_max, counts):
    """[-k_max, k_max)^d from the lower corner."""
    k_max = np.broadcast_to(k_max, len(counts))
    axes = [-q + 2 * q * np.arange(n) / n for q, n in zip(k_max, counts)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def flat(k):
    return np.reshape(k, (-1, np.shape(k)[-1]))


def dagger(matrix):
    return np.conj(np.swapaxes(matrix, -1, -2))


def fermi(energy, mu, kT):
    if kT == 0:
        return np.where(energy < mu, 1.0, np.where(energy > mu, 0.0, 0.5))
    return 1 / (np.exp(np.clip((energy - mu) / kT, -700, 700)) + 1)


def function_of(hamiltonian, function):
    """g(H) for matrices H."""
    energy, vector = np.linalg.eigh(hamiltonian)
    return (vector * function(energy)[..., None, :]) @ dagger(vector)


def band_projector(hamiltonian, band):
    vector = np.linalg.eigh(hamiltonian)[1][..., :, band]
    return vector[..., :, None] * np.conj(vector[..., None, :])


def band_population(hamiltonian, f):
    vector = np.linalg.eigh(hamiltonian)[1]
    return np.real(np.einsum("...in,...ij,...jn->...n", np.conj(vector), f, vector))


def numerical_derivative(function, k, axis, step=1e-3):
    """Sixth-order central difference along a Cartesian axis."""
    shift = np.zeros(k.shape[-1])
    shift[axis] = step
    return (45 * (function(k + shift) - function(k - shift))
            - 9 * (function(k + 2 * shift) - function(k - 2 * shift))
            + (function(k + 3 * shift) - function(k - 3 * shift))) / (60 * step)


def velocity(hamiltonian, k, axis, position=None, hbar=HBAR, step=1e-3):
    """(1/hbar) (dH/dk + i [H, r]), r a function of k or a constant matrix."""
    v = numerical_derivative(hamiltonian, k, axis, step)
    if position is not None:
        h = hamiltonian(k)
        r = position(k) if callable(position) else np.asarray(position)
        v = v + 1j * (h @ r - r @ h)
    return v / hbar


def evolve(hamiltonian, k0, force, displacement, times, position=None, hbar=HBAR, rtol=1e-12,
           atol=1e-13, max_step=np.inf):
    """U [t, n, b, b] at `times` (from times[0], where U = 1) by the Dormand-Prince 8(5,3) method.

    force(t) [d] is F, displacement(t) [d] = (1/hbar) int F dt from times[0]; position: constant
    matrices [d, b, b] or None.
    """
    k0 = np.atleast_2d(np.asarray(k0, dtype=float))
    n, b = k0.shape[0], hamiltonian(k0[:1]).shape[-1]

    def rate(t, y):
        h = hamiltonian(k0 + displacement(t))
        if position is not None:
            h = h - np.tensordot(np.asarray(force(t), dtype=float), position, axes=(0, 0))
        return ((-1j / hbar) * (h @ y.reshape(n, b, b))).ravel()

    start = np.broadcast_to(np.eye(b, dtype=complex), (n, b, b)).ravel().copy()
    solution = solve_ivp(rate, (times[0], times[-1]), start, method="DOP853", t_eval=times,
                         rtol=rtol, atol=atol, max_step=max_step)
    if not solution.success:
        raise RuntimeError(solution.message)
    return solution.y.T.reshape(len(times), n, b, b)


def constant_force(force, hbar=HBAR):
    force = np.atleast_1d(np.asarray(force, dtype=float))
    return (lambda t: force), (lambda t: force * t / hbar)


def gauss_pulse(amplitude, center, fwhm, frequency=0.0, phase=0.0):
    """E(t) of the scenario's pulse."""
    def field(t):
        s = t - center
        return (amplitude * np.exp(-4 * np.log(2) * (s / fwhm)**2)
                * np.cos(2 * np.pi * frequency * s + phase))
    return field


def primitive(field, start, end, points=20001):
    """int_start^t field dt' as a function of t on [start, end], to about 1e-13 of its scale.

    Gauss-Legendre of 8 points in each of many panels, and the same inside the last one.
    """
    edges = np.linspace(start, end, points)
    node, weight = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges) / 2
    middle = (edges[1:] + edges[:-1]) / 2
    panel = (field(middle[:, None] + half[:, None] * node) @ weight) * half
    total = np.concatenate([[0], np.cumsum(panel)])

    def integral(t):
        i = min(max(int((t - start) / (edges[1] - edges[0])), 0), points - 2)
        h = (t - edges[i]) / 2
        return total[i] + h * float(field(edges[i] + h * (1 + node)) @ weight)

    return integral


def pulse_force(charge, field, start, end, direction=(1.0,), hbar=HBAR):
    """F(t) and displacement(t) of charge * field(t) along a direction (made a unit vector)."""
    unit = np.asarray(direction, dtype=float)
    unit = unit / np.linalg.norm(unit)
    integral = primitive(field, start, end)
    return (lambda t: charge * float(field(t)) * unit), (
        lambda t: charge * integral(t) / hbar * unit)
