"""Pure states on a line by the Schroedinger equation, independent of the program.

    i hbar d psi/dt = [H(-i d/dx) - F.r + U(x, t) - F x] psi,        psi(x) of n_band components,

with H(k) any matrix function of k, F(t) a uniform force, r a constant position matrix, and U(x, t)
a scalar, against which the Wigner function of a phase-space run is compared,

    f(R, k) = (number/g_s) ds sum_j e^{-ik s_j} psi(R + s_j/2) psi(R - s_j/2)^+,   s_j = j ds,   (1)

where ds = 2 pi/K follows from the length K of the k domain (2 k_max, or 2 pi/a of a lattice), and
j = -N_k/2 ... N_k/2 from its points: (1) is the definition, with the integral over s as a sum. Then
n(R) = g_s int dk/2pi Tr f = number |psi(R)|^2.

**Lattices.** psi(x) is a smooth function of a continuous x even there. With H(k) periodic in k, the
kinetic term hops by multiples of the lattice constant a, so that the sets x = x_0 + n a do not know
of each other, and each is the lattice with U at its sites. s_j = j a links points of one of them,
and x_0 = 0 holds the state that the scenario means. The momentum of psi is that of the extended
zone, which (1) folds.

**When the two can be compared.** (1) on N_R x N_k points is the state if nothing of it is outside

    |R| < L/2,    k within its domain,    |s| < pi N_k/K,    |q| < pi N_R/L

at any time between, for what leaves wraps round. s reaches as far as two points of psi are apart:
a packet split in two needs the distance of its parts and their widths. q reaches as far as two of
its momenta are apart: a packet that is partly reflected needs their sum. A lattice needs no margin
in k, and on an R grid of a/2 none in q, for hops move R by a/2 and s by a. `tails` gives the largest
|f| at these four edges over the largest of all, which tells how far a comparison can be trusted;
the tails in q and s are those of one Fourier component and enter f as a sum.

Momenta k are wave numbers, energies and hbar in any consistent units (hbar = 1 by default). Static
problems are diagonalized in plane waves, driven ones integrated by the Dormand-Prince 8(5,3)
method: there is no operator splitting in either.
"""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from scipy.integrate import solve_ivp  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oracle  # noqa: E402


def parabolic(mass, hbar=1.0):
    """hbar^2 k^2/2m for k [n, d]."""
    return lambda k: ((hbar * k)**2).sum(axis=-1)[:, None, None] / (2 * mass) + 0j


def r_grid(points, length):
    """[-L/2, L/2) from the left end."""
    return length * (np.arange(points) / points - 0.5)


def barrier(x, height, width, edge, position=0.0):
    """height [erf((x + width/2)/edge) - erf((x - width/2)/edge)]/2."""
    from scipy.special import erf
    x = x - position
    return height * (erf((x + width / 2) / edge) - erf((x - width / 2) / edge)) / 2


class Line:
    """Plane waves of a periodic box [-length/2, length/2), longer than the state ever gets."""

    def __init__(self, length, points):
        self.length, self.points = length, points
        self.x = r_grid(points, length)
        self.p = 2 * np.pi * np.fft.fftfreq(points, length / points)
        # The box starts at -length/2 and not at 0.
        self.phase = np.exp(-1j * self.p * self.x[0])[:, None]

    def to_p(self, psi):
        """psi(x) [x, b] -> c(p), psi(x) = sum_p c(p) e^{ipx}."""
        return self.phase * np.fft.fft(psi, axis=0) / self.points

    def to_x(self, c):
        return np.fft.ifft(c / self.phase, axis=0) * self.points

    def at(self, c, x):
        """psi at any x: the Fourier series, and zero outside the box instead of its images."""
        x = np.asarray(x)
        wave = np.exp(1j * np.multiply.outer(x, self.p))
        return np.where(np.abs(x)[..., None] <= self.length / 2, wave @ c, 0)

    def norm(self, c):
        return self.length * np.sum(np.abs(c)**2)


def packet(line, hamiltonian, momentum, width, band=0, parts=((0.0, 1.0),)):
    """c(p) of psi(k) = sum_parts w e^{-ik X} P_band(k) u exp(-(k - k_0)^2 width^2), normalized.

    parts: (X, w) of each center; u is the eigenvector of the band at k_0 with any phase.
    """
    k = line.p[:, None]
    u = np.linalg.eigh(hamiltonian(np.array([[float(momentum)]])))[1][0, :, band]
    spinor = oracle.band_projector(hamiltonian(k), band) @ u
    envelope = np.exp(-((line.p - momentum) * width)**2)
    c = spinor * (envelope * sum(w * np.exp(-1j * line.p * x) for x, w in parts))[:, None]
    return c / np.sqrt(line.norm(c))


def no_force(t):
    return 0.0


class Diagonalized:
    """A static H + U: the propagator at any time from the dense eigenproblem in plane waves."""

    def __init__(self, line, hamiltonian, potential=None, hbar=1.0):
        n = line.points
        h = hamiltonian(line.p[:, None])
        b = h.shape[-1]
        matrix = np.zeros((n, b, n, b), dtype=complex)
        if potential is not None:
            u = line.to_p(potential(line.x)[:, None].astype(complex))[:, 0]
            i = np.arange(n)
            # <p|U|p'> is the coefficient of p - p', on the circle of the grid.
            toeplitz = u[(i[:, None] - i[None, :]) % n]
            for a in range(b):
                matrix[:, a, :, a] = toeplitz
        matrix[np.arange(n), :, np.arange(n), :] += h
        # At even n the coefficient at Nyquist belongs to both signs: Hermitian only with U real,
        # which makes it real.
        flat = matrix.reshape(n * b, n * b)
        self.matrix = 0.5 * (flat + flat.conj().T)
        self.energy, self.vector = np.linalg.eigh(self.matrix)
        self.shape, self.hbar = (n, b), hbar

    def at(self, c, t):
        amplitude = self.vector.conj().T @ c.ravel()
        return (self.vector @ (np.exp(-1j * self.energy * t / self.hbar) * amplitude)).reshape(
            self.shape)

    def mean_energy(self, line, c):
        return line.length * float(np.real(np.vdot(c.ravel(), self.matrix @ c.ravel())))


def driven(line, hamiltonian, c, times, potential=None, force=no_force, impulse=no_force,
           position=None, hbar=1.0, rtol=1e-11, atol=1e-12):
    """Snapshots [t] of (c, kappa) at `times` (from times[0]) under U(x, t) and F(t).

    In the frame of momentum kappa = impulse(t)/hbar, impulse = int F dt, the force has gone:
    psi(x) = e^{i kappa x} sum_p c(p) e^{ipx}, and H is taken at p + kappa.
    """
    n, b = c.shape

    def rate(t, y):
        y = y.reshape(n, b)
        h = hamiltonian(line.p[:, None] + impulse(t) / hbar)
        if position is not None:
            h = h - force(t) * position
        change = h[:, 0] * y if b == 1 else np.einsum("pab,pb->pa", h, y)
        if potential is not None:
            # The phase of the corner of the box would cancel.
            change = change + line.phase * np.fft.fft(
                potential(line.x, t)[:, None] * np.fft.ifft(y / line.phase, axis=0), axis=0)
        return ((-1j / hbar) * change).ravel()

    solution = solve_ivp(rate, (times[0], times[-1]), c.ravel(), method="DOP853", t_eval=times,
                         rtol=rtol, atol=atol * np.max(np.abs(c)))
    if not solution.success:
        raise RuntimeError(solution.message)
    return [(y.reshape(n, b), impulse(t) / hbar) for t, y in zip(solution.t, solution.y.T)]


def kicked(line, c, kappa, impulse, position=None, hbar=1.0):
    """(c, kappa) after a kick F = impulse delta(t): psi -> e^{i impulse (x + r)/hbar} psi.

    position: a matrix, or a function r(k) [n, b, b] of k [n, 1]. In the frame of kappa
    dc/dl = (i impulse/hbar) r(p + kappa + l impulse/hbar) c over the part l of the kick.
    """
    if position is None:
        return c, kappa + impulse / hbar
    n, b = c.shape

    def rate(part, y):
        r = position
        if callable(position):
            r = position(line.p[:, None] + kappa + part * impulse / hbar)
        return (1j * impulse / hbar * np.einsum("...ab,...b->...a", r, y.reshape(n, b))).ravel()

    solution = solve_ivp(rate, (0, 1), c.ravel(), method="DOP853", rtol=1e-12,
                         atol=1e-13 * np.max(np.abs(c)))
    return solution.y[:, -1].reshape(n, b), kappa + impulse / hbar


def band_energy(line, hamiltonian, c, kappa=0.0):
    """<H(k)>, without potential and force."""
    return line.length * float(np.real(np.einsum("pa,pab,pb->", c.conj(),
                                                 hamiltonian(line.p[:, None] + kappa), c)))


def wave(line, c, x, kappa=0.0):
    """psi(x) [..., b]."""
    x = np.asarray(x, dtype=float)
    return np.exp(1j * kappa * x)[..., None] * line.at(c, x)


def density(line, c, r, number=1.0):
    """n(R), number included."""
    return number * np.sum(np.abs(line.at(c, r))**2, axis=-1)


def wigner(line, c, r, k, domain, weight=1.0, kappa=0.0):
    """f(R, k) [R, k, b, b] of equation (1); k [n_k] equidistant points of a domain of length
    `domain`, weight = number/g_s."""
    n_k, b = len(k), c.shape[1]
    j = np.arange(-(n_k // 2), n_k // 2 + 1)
    s = j * 2 * np.pi / domain
    # The last one, at both ends of the period, belongs half to each.
    share = np.ones(len(j))
    if n_k % 2 == 0:
        share[[0, -1]] = 0.5
    base = np.exp(1j * np.multiply.outer(r, line.p))
    sides = []
    for sign in (1, -1):
        turned = np.exp(1j * np.multiply.outer(line.p, sign * s / 2))
        psi = (base @ (turned[:, :, None] * c[:, None, :]).reshape(line.points, -1)).reshape(
            len(r), len(s), b)
        x = r[:, None] + sign * s / 2
        sides.append(np.where(np.abs(x) <= line.length / 2, 1, 0)[..., None] * psi
                     * np.exp(1j * kappa * x)[..., None])
    pair = np.einsum("rsa,rsb,s->rsab", sides[0], sides[1].conj(), share)
    transform = np.exp(-1j * np.multiply.outer(s, k)) * (2 * np.pi / domain) * weight
    return np.einsum("rsab,sk->rkab", pair, transform, optimize=True)


def momentum_distribution(line, c, k, weight=1.0, kappa=0.0, images=(0.0,)):
    """int dR Tr f(R, k) = weight |int dx e^{-ikx} psi(x)|^2, summed over images k + image: on a
    lattice the multiples of 2 pi/a. k need not be a wave of the line."""
    psi = line.to_x(c) * line.length / line.points
    total = np.zeros(len(k))
    for image in images:
        p = k + image - kappa
        amplitude = np.exp(-1j * np.multiply.outer(p, line.x)) @ psi
        # Beyond the momenta of the line the sum over its points would be an alias.
        inside = np.abs(p) < np.max(np.abs(line.p))
        total += inside * np.sum(np.abs(amplitude)**2, axis=-1)
    return weight * total


def site_distribution(line, c, k, a, starts=(0.0,), weight=1.0, kappa=0.0):
    """weight a^2 |sum_n e^{-ikx_n} psi(x_n)|^2 on the lattices x_n = x_0 + n a, averaged over their
    starts x_0: int dR Tr f(R, k) on an R grid of a/2, which holds the two that start at 0 and a/2."""
    total = np.zeros(len(k))
    for start in starts:
        cells = np.arange(np.ceil(-line.length / 2 / a), np.floor(line.length / 2 / a))
        x = start + a * cells
        amplitude = np.exp(-1j * np.multiply.outer(k, x)) @ wave(line, c, x, kappa)
        total += np.sum(np.abs(amplitude)**2, axis=-1) * a**2 / len(starts)
    return weight * total


def tails(f):
    """Largest |f| at the edges of R, k, q and s over the largest of all, from f [R, k, b, b]."""
    def edge(array, axis):
        size = np.abs(array)
        return float(np.max(np.take(size, [0, -1], axis=axis)) / np.max(size))

    f_q = np.fft.fftshift(np.fft.fft(f, axis=0), axes=0)
    f_s = np.fft.fftshift(np.fft.fft(f, axis=1), axes=1)
    return {"R": edge(f, 0), "k": edge(f, 1), "q": edge(f_q, 0), "s": edge(f_s, 1)}


def transmission(k, mass, potential, reach, hbar=1.0):
    """|t(k)|^2 of a particle hbar^2 k^2/2m on a potential that vanishes beyond |x| = reach.

    psi'' = (2m/hbar^2) U psi - k^2 psi is integrated from the transmitted wave e^{ikx} at +reach
    back to -reach, where psi = (e^{ikx} + r e^{-ikx})/t.
    """
    k = np.asarray(k, dtype=float)
    n = len(k)

    def rate(x, y):
        psi, slope = y[:n], y[n:]
        u = float(np.squeeze(potential(np.array([x]))))
        return np.concatenate([slope, (2 * mass * u / hbar**2 - k**2) * psi])

    start = np.exp(1j * k * reach)
    solution = solve_ivp(rate, (reach, -reach), np.concatenate([start, 1j * k * start]),
                         method="DOP853", rtol=1e-12, atol=1e-13)
    psi, slope = solution.y[:n, -1], solution.y[n:, -1]
    incoming = 0.5 * (psi + slope / (1j * k)) * np.exp(1j * k * reach)
    return 1 / np.abs(incoming)**2


def packet_transmission(momentum, width, mass, potential, reach, hbar=1.0, points=80):
    """The part of a Gaussian packet that passes: |t|^2 averaged over its momenta."""
    node, weight = np.polynomial.hermite.hermgauss(points)
    keep = weight > 1e-17
    node, weight = node[keep], weight[keep]
    # |psi(k)|^2 ~ exp(-2 (k - k_0)^2 width^2)
    k = momentum + node / (np.sqrt(2) * width)
    return float(weight @ transmission(k, mass, potential, reach, hbar) / np.sqrt(np.pi))


def gaussian_wigner(r, k, center, momentum, width):
    """2 exp(-(R - X)^2/2w^2 - 2w^2(k - k_0)^2) for arrays r and k of one shape."""
    return 2 * np.exp(-(r - center)**2 / (2 * width**2) - 2 * (width * (k - momentum))**2)


def cat_wigner(r, k, momentum, width, separation, phase=0.0, center=0.0):
    """Wigner function of packets at center -+ separation/2, the second one times e^{i phase}; each
    part is e^{ik_0(x - X)} times a Gaussian about its center X."""
    half = separation / 2
    overlap = np.exp(-separation**2 / (8 * width**2)) * np.cos(momentum * separation - phase)
    sides = (gaussian_wigner(r, k, center - half, momentum, width)
             + gaussian_wigner(r, k, center + half, momentum, width))
    middle = 2 * gaussian_wigner(r, k, center, momentum, width) * np.cos(k * separation - phase)
    return (sides + middle) / (2 * (1 + overlap))


def along_characteristics(r, k, initial, force, mass, time, hbar=1.0, steps=2000):
    """f(R, k, t) = f_0 at the point from which the classical orbit to (R, k) started: the Liouville
    equation of a particle hbar^2 k^2/2m in a static force(R), which `drift: gradient` solves.

    Backward in time by the 4th-order Yoshida composition of kicks and drifts.
    """
    x, p = np.array(r, dtype=float), hbar * np.array(k, dtype=float)
    cube = 2.0**(1 / 3)
    w1, w0 = 1 / (2 - cube), -cube / (2 - cube)
    h = -time / steps
    for _ in range(steps):
        for w in (w1, w0, w1):
            x = x + 0.5 * w * h * p / mass
            p = p + w * h * force(x)
            x = x + 0.5 * w * h * p / mass
    return initial(x, p / hbar)


def self_test():
    """(name, error, bound, why) of the oracle against closed forms."""
    rows = []

    def row(name, got, want, bound, why):
        error = float(np.max(np.abs(np.asarray(got) - np.asarray(want))))
        rows.append((name, error, bound, why))

    rounding = "rounding; the grids hold the state"
    r, k, domain = r_grid(72, 18.0), r_grid(100, 20.0), 20.0
    rr, kk = r[:, None], k[None, :]
    line = Line(36.0, 256)

    # Wigner functions and their marginals.
    free = parabolic(1.0)
    c = packet(line, free, 0.6, 0.8, parts=((-0.5, 1.0),))
    f = wigner(line, c, r, k, domain)
    row("Wigner function of a Gaussian", f[..., 0, 0], gaussian_wigner(rr, kk, -0.5, 0.6, 0.8),
        1e-12, rounding)
    row("its marginal n(R)", f[..., 0, 0].sum(axis=1) * domain / len(k) / (2 * np.pi),
        density(line, c, r), 1e-12, rounding)
    row("its marginal n(k)", f[..., 0, 0].sum(axis=0) * 18.0 / len(r),
        momentum_distribution(line, c, k), 1e-12, rounding)
    cat = packet(line, free, 0.4, 0.7, parts=((-2.0, 1.0), (2.5, np.exp(0.3j))))
    row("Wigner function of a cat", wigner(line, cat, r, k, domain)[..., 0, 0],
        cat_wigner(rr, kk, 0.4, 0.7, 4.5, 0.3, 0.25), 1e-12, rounding)

    # Harmonic well of frequency sqrt(stiffness/m), hbar not 1: rigid rotation of the cat.
    hbar, mass, stiffness, t = 0.8, 1.3, 0.9, 2.1
    omega = np.sqrt(stiffness / mass)
    well = Diagonalized(line, parabolic(mass, hbar), lambda x: 0.5 * stiffness * x**2, hbar)
    back_r = np.cos(omega * t) * rr - hbar * kk / (mass * omega) * np.sin(omega * t)
    back_k = np.cos(omega * t) * kk + mass * omega / hbar * rr * np.sin(omega * t)
    cat = packet(line, free, 0.3, 0.7, parts=((-1.0, 1.0), (1.0, 1j)))
    row("rotation in a harmonic well", wigner(line, well.at(cat, t), r, k, domain)[..., 0, 0],
        cat_wigner(back_r, back_k, 0.3, 0.7, 2.0, np.pi / 2), 1e-11,
        "rounding of 256 eigenvectors")
    row("the same by characteristics",
        along_characteristics(np.broadcast_to(rr, f.shape[:2]), np.broadcast_to(kk, f.shape[:2]),
                              lambda x, q: cat_wigner(x, q, 0.3, 0.7, 2.0, np.pi / 2),
                              lambda x: -stiffness * x, mass, t, hbar),
        cat_wigner(back_r, back_k, 0.3, 0.7, 2.0, np.pi / 2), 1e-11, "4th order, 2000 steps")

    # A free packet: width^2 = w^2 + (hbar t/2mw)^2.
    c = packet(line, free, 0.3, 0.9)
    still = Diagonalized(line, parabolic(mass, hbar), None, hbar)
    n = density(line, still.at(c, 3.0), line.x) * line.length / line.points
    mean = n @ line.x
    row("center of a free packet", mean, hbar * 0.3 / mass * 3.0, 1e-12, rounding)
    row("spreading of a free packet", n @ (line.x - mean)**2,
        0.9**2 + (hbar * 3.0 / (2 * mass * 0.9))**2, 1e-12, rounding)

    # The two integrators, two bands, and a force as a linear potential.
    dirac = oracle.dirac1d(1.0, 0.5)
    c = packet(line, dirac, 1.0, 1.2, band=1, parts=((-4.0, 1.0),))

    def bump(x, _=0.0):
        return 1.5 * np.exp(-x**2 / 2)

    static = Diagonalized(line, dirac, bump)
    moved = driven(line, dirac, c, [0.0, 3.0, 6.0], bump)[-1][0]
    row("diagonalized = integrated, two bands", static.at(c, 6.0), moved, 1e-10, "rtol 1e-11")
    force = 0.3
    c = packet(line, free, 0.0, 0.9)
    ramp = Diagonalized(line, parabolic(1.0), lambda x: -force * x * (np.abs(x) < 14))
    fallen, kappa = driven(line, parabolic(1.0), c, [0.0, 2.0], None, lambda t: force,
                           lambda t: force * t)[-1]
    row("force = linear potential", wave(line, ramp.at(c, 2.0), r), wave(line, fallen, r, kappa),
        1e-8, "Gibbs wave of the cut ramp")

    # Bloch oscillation: x(t) = (2J/F) e^{-1/8w^2} (cos k_0 - cos(k_0 + F t)).
    chain = oracle.chain(0.8, 1.0)
    lattice = Line(120.0, 360)
    c = packet(lattice, chain, 0.5, 3.0)
    for t in (1.0, 4.0):
        at_t, _ = driven(lattice, chain, c, [0.0, t], None, lambda t: force,
                         lambda t: force * t)[-1]
        center = density(lattice, at_t, lattice.x) @ lattice.x * lattice.length / lattice.points
        row(f"Bloch oscillation at {t:g}", center, 2 * 0.8 / force * np.exp(-1 / (8 * 9.0))
            * (np.cos(0.5) - np.cos(0.5 + force * t)), 1e-9, "rtol 1e-11")

    # Eckart barrier U/cosh^2(x/b): |t|^2 = sinh^2(pi k b)/(sinh^2(pi k b) + cosh^2(...)).
    height, b = 1.1, 0.8
    waves = np.linspace(0.3, 3.0, 7)
    size = np.cosh(0.5 * np.pi * np.sqrt(8 * mass * height * b**2 / hbar**2 - 1))**2
    lift = np.sinh(np.pi * waves * b)**2
    row("transmission of an Eckart barrier",
        transmission(waves, mass, lambda x: height / np.cosh(x / b)**2, 15.0, hbar),
        lift / (lift + size), 1e-10, "rtol 1e-12")
    return rows


if __name__ == "__main__":
    FAILED = 0
    for label, size, limit, reason in self_test():
        FAILED += not size <= limit
        print(f"{'ok  ' if size <= limit else 'FAIL'} {label}: error {size:.3g}, "
              f"tolerance {limit:.3g} ({reason})")
    sys.exit(1 if FAILED else 0)
