"""Where the values of scenarios/*/expected.json come from: closed forms, and integrations that share
nothing with keldrift. Each function returns the values of one scenario by name."""

import json
import sys
from pathlib import Path

import numpy as np

HBAR = 0.6582119569  # eV fs
BOLTZMANN = 8.617333262e-5  # eV/K


def step_of(h, dt):
    """exp(-i h dt / hbar) for a stack of Hermitian matrices."""
    energy, s = np.linalg.eigh(h)
    phase = np.exp(-1j * energy * dt / HBAR)
    return (s * phase[..., None, :]) @ np.conj(np.swapaxes(s, -1, -2))


def evolve(hamiltonian, f, t_end, n_step):
    """f(t_end) under df/dt = -(i/hbar) [hamiltonian(t), f]: fourth-order commutator-free steps."""
    dt = t_end / n_step
    node = np.sqrt(3) / 6
    weight = 0.25 + node
    for i in range(n_step):
        early, late = hamiltonian((i + 0.5 - node) * dt), hamiltonian((i + 0.5 + node) * dt)
        first = step_of(weight * early + (0.5 - weight) * late, dt)
        second = step_of((0.5 - weight) * early + weight * late, dt)
        u = second @ first
        f = u @ f @ np.conj(np.swapaxes(u, -1, -2))
    return f


def fermi_matrix(h, temperature):
    """Fermi function of a stack of matrices, chemical potential 0."""
    energy, s = np.linalg.eigh(h)
    occupation = 1 / (np.exp(np.clip(energy / (BOLTZMANN * temperature), -700, 700)) + 1)
    return (s * occupation[..., None, :]) @ np.conj(np.swapaxes(s, -1, -2))


def populations(h, f):
    """Diagonal of S^H f S."""
    _, s = np.linalg.eigh(h)
    return np.einsum("...an,...ab,...bn->...n", np.conj(s), f, s).real


def landau_zener():
    gap, velocity, force = 5e-3, 10.0, 2e-5
    p = np.exp(-np.pi * gap**2 / (HBAR * velocity * force))
    # The upper band leads to the right, the lower one to the left; J = charge times velocity.
    current = -velocity * (2 * p - 1)
    return {"upper": p, "lower": 1 - p, "current": current}


def bloch_zener():
    """Two levels at every k of the packet, propagated through n Bloch periods."""
    t1, t2, mass, a, n_k, width = 0.020, 0.016, 0.003, 200.0, 128, 250.0
    force = 1.879849e-5
    period = 2 * np.pi * HBAR / (force * a)

    def h(k):
        out = np.zeros(k.shape + (2, 2), complex)
        out[..., 0, 1] = t1 + t2 * np.exp(-1j * k * a)
        out[..., 1, 0] = np.conj(out[..., 0, 1])
        out[..., 0, 0], out[..., 1, 1] = mass, -mass
        return out

    k = (np.arange(n_k) - n_k // 2) * 2 * np.pi / (n_k * a)
    weight = np.exp(-2 * (k * width)**2)
    _, s = np.linalg.eigh(h(k))
    # psi = P(k) u(0) exp(-k^2 width^2), with the norm that the projection leaves.
    weight = weight * np.abs(np.conj(s[:, :, 0]) @ np.linalg.eigh(h(np.zeros(1)))[1][0, :, 0])**2
    weight = weight / weight.sum()
    f = s[:, :, :1] @ np.conj(np.swapaxes(s[:, :, :1], 1, 2))

    def hamiltonian(t):
        # The orbital at a/2 is lowered by force times a/2.
        return h(k + force * t / HBAR) - force * np.diag([0, a / 2])

    out = {}
    # The revivals: P_n = P_1 sin^2(n theta)/sin^2(theta) for two levels and a repeated evolution.
    for n in (1, 2, 5):
        end = evolve(hamiltonian, f, n * period, 2000 * n)
        out[f"upper after {n}"] = weight @ populations(h(k + force * n * period / HBAR), end)[:, 1]
    return out


def rabi():
    """Full field, and without the part that rotates the wrong way."""
    splitting, drive, omega = 1.0, 0.05, 2 * np.pi * 0.24179893

    def hamiltonian(t):
        # E = A cos(omega t), the force on the electron is -E, H = H_0 - F x.
        coupling = drive * np.cos(omega * t)
        return np.array([[-splitting / 2, coupling], [coupling, splitting / 2]], complex)

    f = np.diag([1.0, 0.0]).astype(complex)
    out = {}
    for t in (20.0, 41.4, 82.7):
        out[f"upper at {t}"] = evolve(hamiltonian, f, t, int(100 * t))[1, 1].real
    out["rotating wave"] = np.sin(drive * 41.4 / (2 * HBAR))**2
    return out


def graphene_hamiltonian(k, t=2.7, a=2.46, mass=0.0):
    """Orbital basis, Bloch phases periodic in k; k [..., 2]."""
    a1, a2 = a * np.array([1, 0]), a * np.array([0.5, np.sqrt(3) / 2])
    out = np.zeros(k.shape[:-1] + (2, 2), complex)
    out[..., 0, 1] = -t * (1 + np.exp(-1j * k @ a1) + np.exp(-1j * k @ a2))
    out[..., 1, 0] = np.conj(out[..., 0, 1])
    out[..., 0, 0], out[..., 1, 1] = mass, -mass
    return out


def graphene_grid(n, a=2.46):
    b = 2 * np.pi / a * np.array([[1, -1 / np.sqrt(3)], [0, 2 / np.sqrt(3)]])
    j = np.arange(n) / n
    return j[:, None, None] * b[0] + j[None, :, None] * b[1]


def pulse(t, amplitude, center, fwhm, frequency):
    x = t - center
    return (amplitude * np.exp(-4 * np.log(2) * (x / fwhm)**2)
            * np.cos(2 * np.pi * frequency * x))


def impulse(amplitude, center, fwhm, frequency, t_end):
    """The integral of the pulse from 0 to t, as a function of t: Gauss points and a spline."""
    from scipy.interpolate import CubicSpline
    node, weight = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(0, t_end, 4001)
    half = np.diff(edges) / 2
    points = (edges[1:] + edges[:-1])[:, None] / 2 + half[:, None] * node
    parts = (pulse(points, amplitude, center, fwhm, frequency) * weight).sum(axis=1) * half
    return CubicSpline(edges, np.concatenate([[0], np.cumsum(parts)]))


def graphene_pulse():
    """Every k on its own, on the coarse grid of the regression test."""
    a, t_end, n = 2.46, 24.0, 48
    k = graphene_grid(n).reshape(-1, 2)
    wave = (0.2, 12.0, 5.0, 0.375)
    shift = impulse(*wave, t_end)
    position = np.diag([0, a / 2])  # x of B is a/2

    def moved(t):
        # hbar dk/dt = -E
        return graphene_hamiltonian(k - np.array([shift(t) / HBAR, 0]))

    def hamiltonian(t):
        return moved(t) + pulse(t, *wave) * position

    h0 = graphene_hamiltonian(k)
    f0 = fermi_matrix(h0, 300.0)
    f1 = evolve(hamiltonian, f0, t_end, 1200)
    h1 = moved(t_end)
    energy = 2 * (np.einsum("kab,kba->k", h1, f1) - np.einsum("kab,kba->k", h0, f0)).real.mean()
    return {"upper": populations(h1, f1)[:, 1].mean(), "thermal": populations(h0, f0)[:, 1].mean(),
            "energy": energy}


def graphene_conductivity():
    """Kubo's formula at omega + i eta, in e^2/(4 hbar), on the grid of the scenario."""
    n, t, a, width, temperature = 192, 2.7, 2.46, 0.2, 300.0
    k = graphene_grid(n).reshape(-1, 2)
    a1, a2 = a * np.array([1, 0]), a * np.array([0.5, np.sqrt(3) / 2])
    to_b = (a1 + a2) / 3
    energy, s = np.linalg.eigh(graphene_hamiltonian(k))
    # hbar v_x = dH/dk_x + i [H, x]: every hop times i and its length, from A to B.
    v = np.zeros(k.shape[:1] + (2, 2), complex)
    for cell in (0 * a1, a1, a2):
        v[:, 0, 1] += -t * np.exp(-1j * k @ cell) * 1j * (to_b - cell)[0]
    v[:, 1, 0] = np.conj(v[:, 0, 1])
    v = np.conj(np.swapaxes(s, 1, 2)) @ v @ s
    f = 1 / (np.exp(np.clip(energy / (BOLTZMANN * temperature), -700, 700)) + 1)
    cell_area = a * a * np.sqrt(3) / 2
    out = {}
    for at in (1.0, 2.0):
        z = at + 1j * width
        total = 0
        for lower, upper in ((0, 0), (1, 1), (0, 1), (1, 0)):
            gap = energy[:, upper] - energy[:, lower]
            slope = f[:, 0] * (1 - f[:, 0]) / (BOLTZMANN * temperature)
            flat = np.abs(gap) < 1e-9
            ratio = np.where(flat, slope, (f[:, lower] - f[:, upper]) / np.where(flat, 1, gap))
            total += np.sum(ratio * np.abs(v[:, lower, upper])**2 * 1j / (z - gap))
        # Two spins; 4 hbar/e^2 times e^2/hbar.
        out[f"real part at {at:g}"] = (2 * 4 * total / (len(k) * cell_area)).real
    out["universal"] = 1.0
    return out


def read_wannier(path):
    """Cells, H(R) and r(R) of a SEED_tb.dat, degeneracies divided out."""
    words = iter(Path(path).read_text().split("\n", 1)[1].split())

    def take(count):
        return [next(words) for _ in range(count)]

    vectors = np.array(take(9), float).reshape(3, 3)
    n_band, n_cell = map(int, take(2))
    degeneracy = np.array(take(n_cell), float)
    blocks = []
    cells = np.zeros((n_cell, 3))
    for parts in (1, 3):
        block = np.zeros((n_cell, parts, n_band, n_band), complex)
        for i in range(n_cell):
            cells[i] = np.array(take(3), float)
            rows = np.array(take(n_band**2 * (2 + 2 * parts)), float)
            rows = rows.reshape(n_band, n_band, 2 + 2 * parts)  # [column][row]
            values = rows[..., 2::2] + 1j * rows[..., 3::2]
            block[i] = values.transpose(2, 1, 0) / degeneracy[i]
        blocks.append(block)
    return vectors, cells, blocks[0][:, 0], blocks[1]


def silicon_pulse(root):
    """Eight bands at every k on its own, on the coarse grid of the regression test."""
    vectors, cells, h_cell, r_cell = read_wannier(root / "scenarios/silicon_pulse/silicon_tb.dat")
    n, t_end = 3, 45.0
    wave = (0.15, 20.0, 10.0, 0.23)
    shift = impulse(*wave, t_end)
    dual = 2 * np.pi * np.linalg.inv(vectors).T
    j = np.indices((n, n, n)).reshape(3, -1).T / n
    k = j @ dual
    place = cells @ vectors

    def at(t):
        phase = np.exp(1j * (k - np.array([shift(t) / HBAR, 0, 0])) @ place.T)
        h = np.einsum("kr,rab->kab", phase, h_cell)
        x = np.einsum("kr,rab->kab", phase, r_cell[:, 0])
        return h, (x + np.conj(np.swapaxes(x, 1, 2))) / 2

    def hamiltonian(t):
        h, x = at(t)
        return h + pulse(t, *wave) * x

    _, s = np.linalg.eigh(at(0)[0])
    f0 = s[:, :, :4] @ np.conj(np.swapaxes(s[:, :, :4], 1, 2))
    f1 = evolve(hamiltonian, f0, t_end, 4500)
    h0, h1 = at(0)[0], at(t_end)[0]
    energy = 2 * (np.einsum("kab,kba->k", h1, f1) - np.einsum("kab,kba->k", h0, f0)).real.mean()
    middle = evolve(hamiltonian, f0, 20.0, 2000)
    return {"residual": populations(h1, f1)[:, 4].mean(), "energy": energy,
            "virtual": populations(at(20.0)[0], middle)[:, 4].mean()}


def relaxation_after_pulse():
    """The Fermi function of the lattice at half filling: the chemical potential is 0 by symmetry."""
    t1, t2, mass, n_k, temperature = 0.25, 0.22, 0.02, 384, 400.0
    phi = 2 * np.pi * np.arange(n_k) / n_k
    upper = np.sqrt(t1**2 + t2**2 + 2 * t1 * t2 * np.cos(phi) + mass**2)
    f = 1 / (np.exp(upper / (BOLTZMANN * temperature)) + 1)
    return {"thermal carriers": f.mean(), "thermal energy": 2 * np.mean(upper * (2 * f - 1))}


def second_order_of(root):
    """The kinetic equation in numpy, which belongs to the scenario kinetic_corrections."""
    folder = str(root / "scenarios" / "kinetic_corrections")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    import second_order
    return second_order


def measured(chain, f, k):
    """Population of the upper band, and with both spins energy and current per cell."""
    h = chain.hamiltonian(k)
    slope = (chain.hamiltonian(k + 1e-4) - chain.hamiltonian(k - 1e-4)) / 2e-4
    v = (slope + 1j * (h @ chain.r - chain.r @ h)) / HBAR
    return (np.mean(populations(h, f)[:, 1]), 2 * np.mean(np.einsum("kab,kba->k", h, f).real),
            -2 * np.mean(np.einsum("kab,kba->k", v, f).real))


def odd_pulse(amplitude, center, fwhm, frequency, t_end):
    """Force on an electron and displacement in k of a pulse of phase pi/2, as functions of t."""
    t = np.linspace(0, t_end, 100 * int(t_end) + 1)

    def force(t):
        return -amplitude * np.exp(-4 * np.log(2) * ((t - center) / fwhm)**2) * np.cos(
            2 * np.pi * frequency * (t - center) + 1.570796327)

    moved = np.concatenate([[0], np.cumsum((force(t[1:]) + force(t[:-1])) / 2) * (t[1] - t[0])])
    return force, lambda x: np.interp(x, t, moved / HBAR)


def pulse_references(chain, f, force, displacement, times):
    states = chain.evolve(f, force, displacement, np.concatenate([[0.0], times]))
    out = {}
    for t, state in zip(times, states[1:]):
        upper, energy, current = measured(chain, state, chain.k + displacement(t))
        out.update({f"upper at {t:g}": upper, f"energy at {t:g}": energy,
                    f"current at {t:g}": current})
    return out


def ansatz_comparison(root):
    second_order = second_order_of(root)
    kt = BOLTZMANN * 400
    chain = second_order.Chain(
        second_order.rice_mele(0.25, 0.21, 0.03, 5.0), 192, 5.0, [0, 2],
        second_order.phonon_kernel([(0.16, 0.06), (0.11, 0.06)], kt, 0.008))
    h = chain.hamiltonian(chain.k)
    low, high = -1.0, 1.0
    for _ in range(60):
        mu = (low + high) / 2
        f = second_order.fermi_matrix(h, mu, kt)
        low, high = (mu, high) if np.mean(np.einsum("kaa->k", f).real) < 1.1 else (low, mu)
    force, displacement = odd_pulse(0.02, 60, 35, 0.024, 160)
    return pulse_references(chain, f, force, displacement, np.array([60.0, 80.0]))


def kinetic_corrections(root):
    second_order = second_order_of(root)
    kt = BOLTZMANN * 500
    kernel = second_order.phonon_kernel([(0.16, 0.04), (0.06, 0.03)], kt, 0.012)
    chain = second_order.Chain(second_order.rice_mele(0.15, 0.11, 0.03, 5.0), 64, 5.0, [0, 2],
                               kernel, second_order.principal_value(kernel, 0.7))
    f = second_order.fermi_matrix(chain.hamiltonian(chain.k), 0.0, kt)
    force, displacement = odd_pulse(0.01, 60, 35, 0.024, 160)
    out = pulse_references(chain, f, force, displacement, np.array([80.0]))
    upper, energy, _ = measured(chain, chain.stationary(f), chain.k)
    return {**out, "stationary upper": upper, "stationary energy": energy}


def zener_with_dissipation(root):
    second_order = second_order_of(root)
    force, a = 0.003308, 5.0
    chain = second_order.Chain(
        second_order.rice_mele(0.27, 0.23, 0.0, a), 144, a, [0, 2.5],
        second_order.phonon_kernel([(0.12, 0.04)], BOLTZMANN * 500, 0.010))
    f = second_order.fermi_matrix(chain.hamiltonian(chain.k), 0.0, 0.0)
    return pulse_references(chain, f, lambda t: force, lambda t: force * t / HBAR,
                            np.array([125.02, 250.04]))


def silicon_relaxation(root):
    """The Boltzmann equation of the same levels: populations, golden rule with the same line."""
    from scipy.integrate import solve_ivp
    vectors, cells, h_cell, _ = read_wannier(root / "scenarios/silicon_pulse/silicon_tb.dat")
    j = np.stack(np.meshgrid(*(np.arange(n) / n for n in (3, 4, 5)), indexing="ij"), axis=-1)
    h = np.einsum("kr,rab->kab", np.exp(2j * np.pi * j.reshape(-1, 3) @ cells.T), h_cell)
    energy, s = np.linalg.eigh(h)
    level, n_k, kt, sigma = energy.ravel() - 6.5, len(energy), BOLTZMANN * 600, 0.025
    weight = np.abs(s.transpose(0, 2, 1).reshape(level.size, -1))**2  # [level, orbital]

    def line(x):
        return np.exp(-0.5 * (x / sigma)**2) / (np.sqrt(2 * np.pi) * sigma)

    x = level[:, None] - level[None]
    near = np.abs(x) < 1e-9
    y = np.where(near, 1, x)
    kernel = sum(2 * np.pi * g**2 * np.where(
        near, 2 * omega * kt / sigma**2 * line(omega),
        (line(y - omega) - line(y + omega)) / np.expm1(np.clip(y / kt, -700, 700)))
                 for omega, g in ((0.062, 0.2), (0.047, 0.1)))
    rate = kernel * (weight @ weight.T) / (HBAR * n_k)  # [to, from]
    low, high = -5.0, 5.0
    for _ in range(100):
        mu = (low + high) / 2
        f0 = 1 / (np.exp(np.clip((level - mu) / (BOLTZMANN * 3000), -700, 700)) + 1)
        low, high = (mu, high) if f0.sum() < 4 * n_k else (low, mu)
    f1 = solve_ivp(lambda _, f: (rate @ f) * (1 - f) - f * (rate.T @ (1 - f)), (0, 50), f0,
                   method="DOP853", rtol=1e-10, atol=1e-13).y[:, -1]
    band = f1.reshape(n_k, -1).mean(axis=0)
    return {"energy": 2 * (f1 - f0) @ level / n_k, "lowest conduction band": band[4],
            "next conduction band": band[5], "highest valence band": band[3]}


def anomalous_hall():
    """Weak disorder, no broadening: sigma_xx by the golden rule, sigma_xy of `matrix` (theory.md)."""
    gap, edge, kt, mu, field, leak = 0.5, 3.0, 0.07, 1.3, -1e-4, (0.019 / 0.6)**2
    cell = (2 * np.pi)**2 / (2 * edge)**2
    node, weight = np.polynomial.legendre.leggauss(400)
    half = (mu + 40 * kt - gap) / 2
    s = gap + half * (1 + node)
    surface = half * weight / (4 * kt * np.cosh((s - mu) / (2 * kt))**2)
    u2, d = s**2 - gap**2, s**2 + 3 * gap**2
    along = surface @ (u2 / (np.pi * d)) / (cell * 0.6**2 * (1 + leak))
    side_jump, skew = surface @ (gap / (2 * np.pi * s) * np.array([u2 / d, u2**2 / d**2])).T
    k, weight = edge / 2 * (1 + node), edge / 2 * weight
    s = np.sqrt(k[:, None]**2 + k**2 + gap**2)
    occupied = (1 / (np.exp((-s - mu) / kt) + 1) - 1 / (np.exp((s - mu) / kt) + 1)) / 2
    curvature, sea = (4 * weight @ (occupied * gap / s**3 * part) @ weight / (2 * np.pi)**2
                      for part in (1, (s**2 - gap**2) / (s**2 + 3 * gap**2)))
    return {"along": along * field * cell, "across, coherences": (curvature + side_jump) * field * cell,
            "across": (curvature + side_jump + skew + sea) * field * cell}


def chain_bands(k, t1, t2, mass, a=5.0):
    """Rice-Mele: H [n, 2, 2] with the mass on orbital 0."""
    h = np.zeros((len(k), 2, 2), complex)
    h[:, 0, 1] = t1 + t2 * np.exp(-1j * k * a)
    h[:, 1, 0] = np.conj(h[:, 0, 1])
    h[:, 0, 0], h[:, 1, 1] = mass, -mass
    return h


def phonon_kernel(x, energy, kt, sigma):
    """K^<(x)/g^2: 2 pi [d(x - w) - d(x + w)]/(e^{x/kT} - 1) with Gaussians for d."""
    near = np.abs(x) < 1e-9
    y = np.where(near, 1e-9, x)
    lines = np.exp(-0.5 * ((y - energy) / sigma)**2) - np.exp(-0.5 * ((y + energy) / sigma)**2)
    with np.errstate(over="ignore"):
        return np.sqrt(2 * np.pi) / sigma * lines / np.expm1(y / kt)


def positivity():
    """Every k along its path, with the amplitudes of Ansatz lindblad between the displaced points, by
    the classical Runge-Kutta method up to the middle of the run."""
    t1, t2, mass, a, n_k, dt, end = 0.3, 0.2, 0.5, 5.0, 64, 0.1, 40.0
    energy, coupling, sigma, kt = 0.12, 0.05, 0.015, BOLTZMANN * 77.0
    amplitude, center, fwhm, frequency = 0.15, 15.0, 6.0, 0.29
    k = 2 * np.pi * np.arange(n_k) / (n_k * a)

    def field(t):
        x = t - center
        return -(amplitude * np.exp(-4 * np.log(2) * (x / fwhm)**2)
                 * np.sin(2 * np.pi * frequency * x))  # cos(. + pi/2)

    fine = np.linspace(0, end, 2 * round(end / dt) + 1)
    node, weight = np.polynomial.legendre.leggauss(8)
    half = (fine[1] - fine[0]) / 2
    parts = (field((fine[:-1] + half)[:, None] + half * node) * weight).sum(axis=1) * half
    shift = -np.concatenate([[0], np.cumsum(parts)]) / HBAR  # hbar dk/dt = -E

    def operator(i):
        h = chain_bands(k + shift[i], t1, t2, mass)
        level, s = np.linalg.eigh(h)
        element = np.conj(s[:, 0, :])[:, :, None, None] * s[:, 0, :][None, None]
        x = level[:, :, None, None] - level[None, None]
        jump = coupling * element * np.sqrt(phonon_kernel(x, energy, kt, sigma))
        jump = jump.transpose(0, 2, 1, 3)  # [k, k', n, m]: from (k', m) to (k, n)
        return h, s, jump.reshape(n_k * n_k, 2, 2)

    def rate(i, f):
        h, s, jump = operator(i)
        adjoint = np.conj(np.swapaxes(s, 1, 2))
        g = adjoint @ f @ s
        conj = np.conj(np.swapaxes(jump, 1, 2))
        index = np.arange(n_k * n_k)
        into = (jump @ g[index % n_k] @ conj).reshape(n_k, n_k, 2, 2).sum(axis=1)
        out = (conj @ (np.eye(2) - g)[index // n_k] @ jump).reshape(n_k, n_k, 2, 2).sum(axis=0)
        hole = np.eye(2) - g
        c = (into @ hole + hole @ into - out @ g - g @ out) / (2 * HBAR * n_k)
        full = h + np.diag([0, 2.0]) * field(fine[i])  # force -E on the electron, orbital 1 at 2
        return s @ c @ adjoint - 1j / HBAR * (full @ f - f @ full)

    level, s = np.linalg.eigh(chain_bands(k, t1, t2, mass))
    f = s[:, :, :1] @ np.conj(np.swapaxes(s[:, :, :1], 1, 2))
    for i in range(0, len(fine) - 1, 2):
        r1 = rate(i, f)
        r2 = rate(i + 1, f + dt / 2 * r1)
        r3 = rate(i + 1, f + dt / 2 * r2)
        f = f + dt / 6 * (r1 + 2 * r2 + 2 * r3 + rate(i + 2, f + dt * r3))
    h = chain_bands(k + shift[-1], t1, t2, mass)
    e0 = level[:, 0].mean()
    return {"upper at 40": populations(h, f)[:, 1].mean(),
            "energy at 40": np.einsum("kab,kba->k", h, f).real.mean() - e0}


def bond_phonons():
    """The Boltzmann equation for the populations of both bands, without transitions by the field; the
    drift by a spectral derivative, in time by the classical Runge-Kutta method."""
    t1, t2, a, n_k, dt = 0.25, 0.22, 5.0, 256, 0.25
    energy, coupling, sigma, kt = 0.04, 0.03 / np.sqrt(2), 0.006, BOLTZMANN * 300.0
    j = np.arange(n_k)
    k = 2 * np.pi * j / (n_k * a)
    hop = t1 + t2 * np.exp(-1j * k * a)
    e = np.abs(hop)
    velocity = -t1 * t2 * a * np.sin(k * a) / (e * HBAR)
    level, v = np.stack([-e, e], axis=1), np.stack([-velocity, velocity], axis=1)
    # |nk> = (1, n u*)/sqrt(2) with n = -1, 1 and u the phase of the hopping.
    u, sign = hop / e, np.array([-1, 1])
    second = np.conj(u)[:, None] * sign
    overlap = np.zeros((n_k, 2, n_k, 2))
    for cell in (0, -1):  # the bond in the cell; orbital 0 to orbital 1 of the cell before
        phase = np.exp(1j * k * a * cell)
        # |0><1| e^{ik'R} + |1><0| e^{-ikR}
        m = 0.5 * (second[None, None] * phase[None, None, :, None]
                   + (np.conj(second) * np.conj(phase)[:, None])[:, :, None, None])
        overlap += np.abs(m)**2
    x = level[:, :, None, None] - level[None, None]
    kernel = coupling**2 * overlap / (HBAR * n_k)
    into = (kernel * phonon_kernel(x, energy, kt, sigma)).reshape(2 * n_k, 2 * n_k)
    out = (kernel * phonon_kernel(-x, energy, kt, sigma)).reshape(2 * n_k, 2 * n_k)

    def field(t):
        return 1e-3 * np.exp(-4 * np.log(2) * ((t - 40) / 20)**2)

    wave = 1j * np.fft.fftfreq(n_k, 1 / n_k) * a
    wave[n_k // 2] = 0

    def rate(t, f):
        flat = f.ravel()
        c = (into @ flat) * (1 - flat) - (out @ (1 - flat)) * flat
        drift = np.fft.ifft(wave[:, None] * np.fft.fft(f, axis=0), axis=0).real
        return c.reshape(f.shape) + field(t) / HBAR * drift  # force -E

    low, high = -1.0, 1.0
    for _ in range(60):
        mu = (low + high) / 2
        f = 1 / (np.exp((level - mu) / kt) + 1)
        low, high = (mu, high) if f.sum() / n_k < 1.2 else (low, mu)
    results = {"upper at the start": f[:, 1].mean()}
    for i in range(round(200 / dt)):
        t = i * dt
        r1 = rate(t, f)
        r2 = rate(t + dt / 2, f + dt / 2 * r1)
        r3 = rate(t + dt / 2, f + dt / 2 * r2)
        f = f + dt / 6 * (r1 + 2 * r2 + 2 * r3 + rate(t + dt, f + dt * r3))
        for at in (100, 200):
            if abs(t + dt - at) < dt / 2:
                results[f"current at {at}"] = -2 * (v * f).sum() / n_k
    return results


def drude():
    """Impurities in two dimensions: n e^2 tau/m, and the same with the width of the delta function."""
    from scipy.special import ndtr
    h2_2m, kt, density, strength, k_max, width = (3.809982116 / 0.067, BOLTZMANN * 150, 1.5e-4, 8e-3,
                                                  0.09, 8e-3)
    field, cell, rho = 1e-8, (np.pi / k_max)**2, 1 / (4 * np.pi * h2_2m)
    mu = kt * np.log(np.expm1(density / (2 * rho) / kt))
    rate = 2 * np.pi / HBAR * strength**2 * cell * rho
    node, weight = np.polynomial.legendre.leggauss(1000)
    energy, weight = (node + 1) / 2 * (mu + 40 * kt), weight / 2 * (mu + 40 * kt)
    slope = 0.25 / kt / np.cosh((energy - mu) / (2 * kt))**2
    inverse_mass = 2 * h2_2m / HBAR**2
    broad = rate * ndtr(energy / width)

    def current(t):
        return field * inverse_mass * cell * 2 * rho * np.sum(
            weight * energy * slope * -np.expm1(-broad * t) / broad)

    return {"carriers": density * cell, "n e^2 tau/m": field * inverse_mass * cell * density / rate,
            "with broadening": current(15000.0), "at 1 ps": current(1000.0)}


def rashba_spin_hall():
    """The Fermi function of the two bands at t = 0, and Edelstein's spin polarization."""
    h2_m, alpha, k_max, n, mu, kt = 2 * 3.809982116 / 0.05, 1.0, 0.065, 44, 20e-3, BOLTZMANN * 110
    field, strength = 3e-8, 32e-3
    axis = -k_max + 2 * k_max * np.arange(n) / n
    k = np.hypot(*np.meshgrid(axis, axis))
    lower, upper = (1 / (np.exp((h2_m * k**2 / 2 + s * alpha * k - mu) / kt) + 1) for s in (-1, 1))
    # sum of sigma_y per area = 2 rho alpha e E tau/hbar, rho = m/(2 pi hbar^2), both bands occupied.
    cell, rho = (np.pi / k_max)**2, 1 / (2 * np.pi * h2_m)
    tau = HBAR / (2 * np.pi * strength**2 * cell * rho)
    return {"lower band": lower.mean(), "upper band": upper.mean(),
            "Edelstein": 2 * rho * alpha * field * tau / HBAR * cell}


def schroedinger_of(root):
    """Pure states on a line, which the physics tests use too."""
    folder = str(root / "tests" / "support")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    import schroedinger
    return schroedinger


def wigner_at(schroedinger, line, state, r, k, domain, n_k):
    """Tr f at one R and one k of the grid of n_k points."""
    grid = domain * (np.arange(n_k) / n_k - 0.5)
    f = schroedinger.wigner(line, state[0], np.array([r]), grid, domain, 1.0, state[1])
    return np.einsum("aa->", f[0, np.argmin(np.abs(grid - k))]).real


def barrier_tunnelling(root):
    """The Schroedinger equation on a longer line, and |t(k)|^2 averaged over the packet."""
    from scipy.special import erf
    s = schroedinger_of(root)
    over_2m, k0, width, start, middle = 3.80998212 / 0.067, 0.05, 80.0, -500.0, -150.0
    mass = HBAR**2 / (2 * over_2m)
    force, time, rise = 8e-4, 101.0, 2.0  # eV/angstrom

    def potential(x, _=0.0):
        return s.barrier(x, 0.25, 35.0, 22.0, middle)

    def primitive(t):
        x = (t - time) / rise
        return rise * (x * erf(x) + np.exp(-x * x) / np.sqrt(np.pi))

    def impulse(t):
        return force * (t + primitive(t) - primitive(0.0)) / 2

    line = s.Line(4800.0, 720)
    free = s.parabolic(mass, HBAR)
    c = s.packet(line, free, k0, width, parts=((start, 1.0),))
    t48, t97, t138 = s.driven(line, free, c, [0.0, 48.0, 97.5, 138.0], potential, None, impulse,
                              hbar=HBAR, rtol=1e-9, atol=1e-10)[1:]

    def current(state):
        weight = line.length * np.sum(np.abs(state[0])**2, axis=1)
        return -HBAR / mass * np.sum(weight * (line.p + state[1]))

    # The mean momentum of transmitted and reflected waves: int |phi|^2 k (2 |t|^2 - 1).
    node, share = np.polynomial.hermite.hermgauss(60)
    k = k0 + node / (np.sqrt(2) * width)
    share, k = share[share > 1e-14], k[share > 1e-14]
    passed = s.transmission(k, mass, lambda x: potential(x + middle), 150.0, HBAR)
    average = np.sum(share * k * (2 * passed - 1)) / np.sqrt(np.pi)
    r = s.r_grid(320, 3200.0)
    out = {"current at 97.5": current(t97), "current by |t|^2": -HBAR / mass * average,
           "current at 138": current(t138),
           "density at the barrier": s.density(line, t48[0], r[142:143])[0],
           "transmitted density": s.density(line, t138[0], r[246:247])[0],
           "reflected density": s.density(line, t138[0], r[83:84])[0]}
    grid = 0.32 * (np.arange(304) / 304 - 0.5)
    out["interference"] = wigner_at(s, line, t138, r[167], grid[200], 0.32, 304)
    return out


def harmonic_cat(root):
    """Rigid rotation of the closed form of the Wigner function."""
    s = schroedinger_of(root)
    grid = s.r_grid(144, 18.0)
    width, separation = np.sqrt(0.5), 6.0

    def f(r, k, t):
        back = np.cos(t) * r - np.sin(t) * k, np.cos(t) * k + np.sin(t) * r
        return float(s.cat_wigner(back[0], back[1], 0.0, width, separation))

    # The negative fringe next to the middle.
    k = np.linspace(0, 1.5, 100001)
    out = {"middle": f(0.0, 0.0, 0.0), "deepest": float(s.cat_wigner(0 * k, k, 0.0, width,
                                                                    separation).min())}
    for name, frame, i, j in (("quarter, fringe", 8, 76, 72), ("eighth, packet", 4, 89, 55),
                              ("period, fringe", 32, 72, 76), ("period, packet", 32, 96, 72)):
        out[name] = f(grid[i], grid[j], frame * np.pi / 16)
    k = 18.0 * (np.arange(144) / 144 - 0.5)
    out["quarter, density"] = sum(f(0.0, x, np.pi / 2) for x in k) * (k[1] - k[0]) / (2 * np.pi)
    return out


def free_spreading(root):
    """width^2 = width_0^2 + (hbar t/2 m width_0)^2; f_0 at R - hbar k t/m."""
    s = schroedinger_of(root)
    over_2m, k0, width, start = 3.80998212 / 0.067, 0.01, 50.0, -100.0
    speed = 2 * over_2m / HBAR  # hbar/m
    r, k = s.r_grid(288, 2400.0), 0.14 * (np.arange(168) / 168 - 0.5)
    out = {"current": -speed * k0}
    for t in (50.0, 100.0):
        square = width**2 + (speed * t / (2 * width))**2
        for name, i in (("middle", 154), ("flank", 168)):
            out[f"density at {t:g}, {name}"] = float(np.exp(
                -(r[i] - start - speed * k0 * t)**2 / (2 * square)) / np.sqrt(2 * np.pi * square))
    out["f at 100"] = float(s.gaussian_wigner(r[161] - speed * k[100] * 100.0, k[100], start, k0,
                                              width))
    return out


def classical_limit(root):
    """The density matrix of the cloud, int dp f((x + y)/2, p) e^{ip(x - y)/hbar}/2 pi hbar, in the
    eigenvectors of p^2/2 + x^4/20."""
    s = schroedinger_of(root)
    hbar, center, spread, kt = 0.08, 1.5, 0.3, 0.09
    line = s.Line(16.0, 640)
    h = s.Diagonalized(line, s.parabolic(1.0, hbar), lambda x: 0.05 * x**4, hbar)
    step = line.length / line.points
    wave = np.exp(1j * np.multiply.outer(line.x, line.p)) / np.sqrt(line.points)
    x, y = line.x[:, None], line.x[None, :]
    rho = step * np.exp(-((x + y) / 2 - center)**2 / (2 * spread**2) - kt * (x - y)**2 / (
        2 * hbar**2)) / (spread * np.sqrt(2 * np.pi))
    vector = wave @ h.vector
    inside = vector.conj().T @ rho @ vector
    r = s.r_grid(160, 8.0)
    k = 4 / hbar * (np.arange(160) / 80 - 1)

    out = {}
    for t in (6, 12):
        phase = np.exp(-1j * h.energy * t / hbar)
        now = vector @ (phase[:, None] * inside * phase.conj()) @ vector.conj().T / step
        if t == 12:
            out["energy"] = float(np.sum(h.energy * np.diag(inside).real))
        for name, i, j in {6: (("packet", 53, 87),),
                           12: (("arm", 91, 64), ("fringe", 100, 77))}[t]:
            # R is a point of the line; R +- s/2 are points for every even s.
            at = int(round((r[i] - line.x[0]) / step))
            m = np.arange(-150, 151)
            value = np.sum(now[at + m, at - m] * np.exp(-1j * k[j] * 2 * m * step)) * 2 * step
            out[f"{name} at {t}"] = value.real
        out[f"density at {t}"] = now[int(round((r[104] - line.x[0]) / step)),
                                     int(round((r[104] - line.x[0]) / step))].real
    return out


def zener_in_space(root):
    """Every k on its own: the force displaces k, the spread over k is the packet's. In space the
    Schroedinger equation on a longer line."""
    s = schroedinger_of(root)
    hv, gap, force = 6.582119569, 0.02, 2.755e-4
    k0, width, start, end = -0.045578, 120.0, -1080.0, 218.0
    out = {"Landau-Zener": np.exp(-np.pi * gap**2 / (hv * force))}

    def h(k):
        out = np.zeros(k.shape + (2, 2), complex)
        out[..., 0, 1] = out[..., 1, 0] = gap
        out[..., 0, 0], out[..., 1, 1] = hv * k, -hv * k
        return out

    k = k0 + np.linspace(-5, 5, 81) / (2 * width)
    _, vector = np.linalg.eigh(h(k))
    weight = np.exp(-2 * ((k - k0) * width)**2) * np.abs(
        np.conj(vector[:, :, 0]) @ vector[40, :, 0])**2
    weight /= weight.sum()
    f = vector[:, :, :1] @ np.conj(np.swapaxes(vector[:, :, :1], 1, 2))
    f = evolve(lambda t: h(k + force * t / HBAR), f, end, 6000)
    last = h(k + force * end / HBAR)
    upper = populations(last, f)[:, 1]
    out["upper band"] = float(weight @ upper)
    sigma = np.einsum("kaa,a->k", f, [1.0, -1.0]).real
    out["current"] = float(-hv / HBAR * (weight @ sigma))
    line = s.Line(6000.0, 512)
    hamiltonian = lambda q: h(q[:, 0])
    c = s.packet(line, hamiltonian, k0, width, parts=((start, 1.0),))
    at_end = s.driven(line, hamiltonian, c, [0.0, end], None, lambda t: force, lambda t: force * t,
                      hbar=HBAR, rtol=1e-9, atol=1e-10)[-1]
    r = s.r_grid(144, 4400.0)
    for name, i in (("upper packet", 108), ("lower packet", 37), ("between", 72)):
        out[name] = s.density(line, at_end[0], r[i:i + 1])[0]
    return out


def lattice_gas(theta, kt, mu, center, width, amplitude, copies):
    """A thermal function of the levels of a square lattice with a Gaussian on top, and the thermal
    function of the same number and energy, found by scipy."""
    from scipy.optimize import root
    k = 2 * np.pi * np.arange(24) / 24
    e = -2 * (np.cos(k)[:, None] + np.cos(k))
    f = 1 / (np.exp((e - mu) / kt) - theta)
    f = f + amplitude * np.exp(-0.5 * ((e - center) / width)**2) * (1 - f if theta < 0 else 1)

    def excess(x):
        g = 1 / (np.exp((e + 4) * x[0] + np.exp(x[1])) - theta) if theta > 0 else 1 / (
            np.exp((e + 4) * x[0] + x[1]) - theta)
        return g, [g.mean() - f.mean(), (e * g).mean() - (e * f).mean()]

    x = root(lambda x: excess(x)[1], [0.5, -1.0], tol=1e-14).x
    g = excess(x)[0]
    entropy = -np.mean(g * np.log(g) - theta * (1 + theta * g) * np.log(1 + theta * g))
    return {"number": copies * f.mean(), "energy": copies * (e * f).mean(), "bottom": g[0, 0],
            "top": g[12, 12], "entropy": copies * entropy}


def uehling_uhlenbeck():
    return lattice_gas(-1, 0.4, -2.2, 1.5, 0.6, 0.5, 2)


def bose_relaxation():
    return lattice_gas(1, 1.5, -5.0, -2.5, 0.6, 1.0, 1)


def golden_rule_with_phonons(energy, omega, square, sigma, hbar=HBAR):
    """df/dt and dN/dt of fermions of two spins on a row of levels and of one phonon branch, process by process: Gaussians of
    width sigma, displaced by as much as keeps the energy of both. `square`: g_q^2 for q = 0, 1, ... of as many modes as there
    are levels (a ring), or twice as many."""
    from scipy.optimize import brentq
    n, n_q = len(energy), len(square)
    source, target = (x.ravel() for x in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    q = (source - target) % n_q  # what a carrier leaves behind
    loss = energy[source] - energy[target] - omega
    factor = 2 * np.pi / hbar * square[q] / n / (np.sqrt(2 * np.pi) * sigma)

    def rates(f, number):
        emit = factor * f[source] * (1 - f[target]) * (number[q] + 1)
        absorb = factor * f[target] * (1 - f[source]) * number[q]

        def events(shift):
            return (emit * np.exp(-0.5 * ((loss - shift) / sigma)**2)
                    - absorb * np.exp(-0.5 * ((loss + shift) / sigma)**2))

        shift = brentq(lambda s: np.sum(loss * events(s)), -4 * sigma, 4 * sigma, xtol=1e-15)
        x = events(shift)
        return (np.bincount(target, x, n) - np.bincount(source, x, n), 2 * np.bincount(q, x, n_q))

    def run(f, number, t_end):
        from scipy.integrate import solve_ivp
        end = solve_ivp(lambda t, y: np.concatenate(rates(y[:n], y[n:])), (0, t_end),
                        np.concatenate([f, number]), rtol=1e-8, atol=1e-11, method="DOP853")
        return end.y[:n, -1], end.y[n:, -1]

    return run


def two_temperature():
    """Allen's rate G (T_e - T_ph), G = 2 pi hbar k_B N_0 lambda <omega^2>, and the golden rule."""
    n, hopping, omega, coupling, sigma = 400, 1.0, 20e-3, 60e-3, 25e-3
    hot, cold = 1200.0, 300.0
    density = 1 / (2 * np.pi * hopping)  # per spin, atom and energy at the middle of the band
    mass = 2 * density * coupling**2 / omega  # lambda
    exchange = 2 * np.pi / HBAR * BOLTZMANN * density * mass * omega**2
    energy = -2 * hopping * np.cos(2 * np.pi * np.arange(n) / n)
    f = 1 / (np.exp(energy / (BOLTZMANN * hot)) + 1)
    number = np.full(n, 1 / np.expm1(omega / (BOLTZMANN * cold)))
    run = golden_rule_with_phonons(energy, omega, np.full(n, coupling**2), sigma)
    f_end, n_end = run(f, number, 200.0)
    return {"allen": 2 * exchange * (hot - cold), "gain": omega * np.mean(n_end - number),
            "loss": 2 * np.mean(energy * (f_end - f)), "across": n_end[n // 2]}


def phonon_drag():
    """The golden rule from a Fermi function that is displaced by eight points."""
    h2_2m, k_max, n, moved, duration = 3.809982116 / 0.067, 0.05, 128, 8, 500.0
    kt, omega, coupling, sigma, q0, density = BOLTZMANN * 100.0, 0.01, 0.008, 0.003, 0.02, 1e-2
    k = k_max * (2 * np.arange(n) / n - 1)
    energy = h2_2m * k**2
    low, high = -0.5, 0.5
    for _ in range(80):
        mu = (low + high) / 2
        f = 1 / (np.exp((energy - mu) / kt) + 1)
        low, high = (mu, high) if 2 * f.mean() < density * np.pi / k_max else (low, mu)
    q = (np.arange(2 * n) + n) % (2 * n) - n
    square = coupling**2 * np.exp(-0.5 * (q * 2 * k_max / n / q0)**2)
    start, number = np.roll(f, -moved), np.full(2 * n, 1 / np.expm1(omega / kt))
    f_end, n_end = golden_rule_with_phonons(energy, omega, square, sigma)(start, number,
                                                                          duration)
    velocity = 2 * h2_2m / HBAR
    inner = np.abs(q) < n  # the last one is its own opposite
    return {"energy at rest": 2 * omega / np.expm1(omega / kt),
            "later current": -2 * velocity * np.mean(k * f_end),
            "phonon momentum": 2 * k_max / n * np.sum((q * n_end)[inner]) / n}


def hydrodynamic_flow():
    """Sound of the ideal Fermi gas in two dimensions: c^2 = 2 P/(n m) at constant entropy."""
    x = np.linspace(0, 60, 600001)
    h = x[1] - x[0]
    pressure = h * np.sum(x / (np.exp(x - 1) + 1)) / np.pi
    c, length, amplitude = np.sqrt(2 * pressure * np.pi / np.log(1 + np.e)), 30.0, 0.05
    density = 0.41802418  # ln(1 + e)/pi, to the digits of the scenario
    crest = {t: density * (1 + amplitude * np.cos(2 * np.pi / length * c * t)) for t in (4.5, 13.5)}
    return {"number": density * length, "a quarter": crest[4.5], "three quarters": crest[13.5]}


def no_resistivity():
    """Number times velocity of the kick, hbar k/m; scattering changes neither."""
    h2_2m, k_max, n, kt, density = 3.809982116 / 0.067, 0.06, 28, BOLTZMANN * 77.0, 2e-5
    axis = k_max * (2 * np.arange(n) / n - 1)
    e = h2_2m * (axis[:, None]**2 + axis**2)
    low, high = -0.5, 0.5
    for _ in range(80):
        mu = (low + high) / 2
        f = 1 / (np.exp((e - mu) / kt) + 1)
        low, high = (mu, high) if 2 * f.mean() < density * (np.pi / k_max)**2 else (low, mu)
    f = f + 0.2 * np.exp(-0.5 * ((e - 0.025) / 0.006)**2) * (1 - f)
    number = 2 * f.mean()
    return {"number": number, "current": number * 2 * h2_2m / HBAR * 5.64181677e-3 / HBAR}


def carrier_multiplication():
    """Number and energy of the initial function on 6 x 6 points, and its change by the golden rule
    with |<12|U|34>|^2 = U^2 |sum_a u1* u2* u3 u4|^2, beta by scipy."""
    from scipy.optimize import brentq
    n, u, sigma, t = 6, 0.8, 0.2, 0.02
    i, j = (x.ravel() for x in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    hop = -(1 + np.exp(-2j * np.pi * i / n) + np.exp(-2j * np.pi * j / n))
    h = np.array([[0.3 + 0 * hop, hop], [np.conj(hop), -0.3 + 0 * hop]]).transpose(2, 0, 1)
    level, v = np.linalg.eigh(h)
    f = 1 / (np.exp(level / 0.2) + 1)
    f = f + 0.5 * np.exp(-0.5 * ((level - 2.6) / 0.25)**2) * (1 - f)
    k = np.arange(n * n)
    k1, k2, k3 = (x.ravel() for x in np.meshgrid(k, k, k, indexing="ij"))
    k4 = (i[k1] + i[k2] - i[k3]) % n * n + (j[k1] + j[k2] - j[k3]) % n
    terms = []
    for b in np.ndindex(2, 2, 2, 2):
        at = [(x, np.full(x.shape, c)) for x, c in zip((k1, k2, k3, k4), b)]
        amplitude = np.sum(np.conj(v[k1, :, b[0]] * v[k2, :, b[1]]) * v[k3, :, b[2]]
                           * v[k4, :, b[3]], axis=1)
        weight = 2 * np.pi * u**2 * np.abs(amplitude)**2 / n**4
        x = level[at[0]] + level[at[1]] - level[at[2]] - level[at[3]]
        occupied, empty = [f[a] for a in at], [1 - f[a] for a in at]
        terms.append((k1, b[0], x, weight * occupied[2] * occupied[3] * empty[0] * empty[1],
                      weight * occupied[0] * occupied[1] * empty[2] * empty[3]))

    def rate(beta):
        out, s = np.zeros((n * n, 2)), beta * sigma**2 / 2
        for where, band, x, come, go in terms:
            out[:, band] += np.bincount(where, come * np.exp(-0.5 * ((x + s) / sigma)**2)
                                        - go * np.exp(-0.5 * ((x - s) / sigma)**2), n * n)
        return out / (np.sqrt(2 * np.pi) * sigma)

    beta = brentq(lambda b: np.sum(level * rate(b)), -10, 10, xtol=1e-12)
    return {"number": 2 * f.sum() / n**2, "energy": 2 * (level * f).sum() / n**2,
            "electrons made": t * rate(beta)[:, 1].mean()}
def kinetic_diffusion():
    """The linear Boltzmann equation for every wave number q of space, exp[(M - i (e(k+q/2) - e(k-q/2))) t]
    by the eigenvectors of the dense matrix."""
    n_k, n_r, length, sigma, spread, width, v2 = 128, 128, 512.0, 0.12, 0.3, 8.0, 0.1
    k = 2 * np.pi * np.arange(n_k) / n_k
    energy = -2 * np.cos(k)
    x = energy[:, None] - energy
    gain = 2 * np.pi * v2 / n_k * np.exp(-x**2 / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    matrix = gain - np.diag(gain.sum(axis=0))
    r = length * (np.arange(n_r) / n_r - 0.5)
    place = np.exp(-r**2 / (2 * width**2))
    place = np.fft.fft(place / (place.sum() * length / n_r))
    start = np.exp(-energy**2 / (2 * spread**2))
    start /= start.sum()
    density = {20: np.zeros(n_r, complex), 80: np.zeros(n_r, complex)}
    for i, q in enumerate(2 * np.pi * np.fft.fftfreq(n_r, length / n_r)):
        if abs(place[i]) < 1e-14 * abs(place[0]):
            continue
        drift = -2 * np.cos(k + q / 2) + 2 * np.cos(k - q / 2)
        value, vector = np.linalg.eig(matrix - 1j * np.diag(drift))
        part = np.linalg.solve(vector, start)
        for t in density:
            density[t][i] = place[i] * ((vector * np.exp(value * t)) @ part).sum()
    n = {t: np.fft.ifft(values).real for t, values in density.items()}
    return {"center at 20": n[20][64], "front at 20": n[20][73], "center at 80": n[80][64],
            "outside at 80": n[80][96]}


def hot_spot():
    """The Boltzmann equation of phonons and impurities with Pauli blocking by the classical
    Runge-Kutta method, with dense sums over k' and space by FFT."""
    hopping, a, n_k, n_r, length = 0.25, 4.0, 128, 40, 2000.0
    sigma, omega, coupling, strength = 0.012, 0.1, 0.06, 0.06
    kt, mu, dt, end = BOLTZMANN * 600, -0.25, 0.5, 300.0
    k = 2 * np.pi * np.arange(n_k) / (n_k * a)
    energy = -2 * hopping * np.cos(k * a)
    r = length * (np.arange(n_r) / n_r - 0.5)
    x = energy[:, None] - energy
    into = coupling**2 * phonon_kernel(x, omega, kt, sigma) / (n_k * HBAR)
    elastic = (2 * np.pi * strength**2 / (n_k * HBAR) * np.exp(-x**2 / (2 * sigma**2))
               / (np.sqrt(2 * np.pi) * sigma))
    q = 2 * np.pi * np.fft.fftfreq(n_r, length / n_r)
    q[n_r // 2] = 0
    turn = -2 * hopping / HBAR * (np.cos((k + q[:, None] / 2) * a) - np.cos((k - q[:, None] / 2) * a))

    def fermi(t, m):
        return 1 / (np.exp((energy - m) / t) + 1)

    def rate(f):
        gain, loss = f @ into.T, (1 - f) @ into  # K^>(x) = K^<(-x)
        drift = np.fft.ifft(-1j * turn * np.fft.fft(f, axis=0), axis=0).real
        return drift + gain * (1 - f) - loss * f + f @ elastic - elastic.sum(axis=0) * f

    filling = fermi(kt, mu).mean()
    f = np.empty((n_r, n_k))
    for i, profile in enumerate(1 + 2 * np.exp(-r**2 / (2 * 100.0**2))):
        low, high = -5.0, 5.0
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if fermi(kt * profile, middle).mean() < filling else (low, middle)
        f[i] = fermi(kt * profile, low)

    def total(g):
        return 2 * length / (n_r * a) * (g @ energy).sum() / n_k

    first = total(f)
    loss = -2 * length / (n_r * a) * (rate(f) @ energy).sum() / n_k
    for _ in range(round(end / dt)):
        b = rate(f)
        c = rate(f + dt / 2 * b)
        d = rate(f + dt / 2 * c)
        f = f + dt / 6 * (b + 2 * c + 2 * d + rate(f + dt * d))
    n = 2 * f.mean(axis=1) / a
    return {"cooling at 300": total(f) - first, "density at 300": n[20], "hot level": f[20, 40],
            "beside": f[26, 40], "number": 2 * length / a * filling, "first loss": loss}


def anderson_kinetic_limit(root):
    """The averages of the Schroedinger equation that the scenario keeps; and velocities are lost at Gamma_k, sum_k v_k f_k(0) e^{-Gamma_k t} with the sum over the grid of the
    regression run: impurities scatter back evenly over the shell."""
    n, sigma, v2, width = 32, 0.15, 0.125, 8.0
    k = 2 * np.pi * np.arange(n) / n
    energy = (-2 * np.cos(k)[:, None] - 2 * np.cos(k)).ravel()
    velocity = np.broadcast_to(2 * np.sin(k)[:, None], (n, n)).ravel()
    near = [(k - c + np.pi) % (2 * np.pi) - np.pi for c in (np.pi / 2, 0)]
    start = np.exp(-2 * (near[0][:, None]**2 + near[1]**2) * width**2).ravel()
    start /= start.sum()
    x = energy[:, None] - energy
    rate = (2 * np.pi * v2 * np.exp(-x**2 / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)).mean(axis=1)
    out = {f"current at {t}": -(start * velocity * np.exp(-rate * t)).sum() for t in (12, 24)}
    path = Path(root) / "scenarios/anderson_kinetic_limit/averages.json"
    averages = json.loads(path.read_text(encoding="utf-8"))
    line = averages["velocity"][averages["eps"].index(v2)]
    for t in (12, 24):
        out[f"Schroedinger at {t}"] = -line[averages["scaled_time"].index(v2 * t)]
    return out


def resonant_tunnelling_diode():
    """(2/h) int T (f_L - f_R) dE, T from psi and psi' carried through the barriers."""
    from scipy.integrate import solve_ivp
    from scipy.special import erf
    over_2m, bias, mu, kt = 3.80998212 / 0.067, 0.18, 0.05, 8.617333262e-5 * 300

    def potential(x):
        def box(y):
            return (erf((y + 12.5) / 12) - erf((y - 12.5) / 12)) / 2
        return 0.35 * (box(x + 35) + box(x - 35)) - bias * (1 + np.tanh(x / 40)) / 2

    # Energies from the bottom of the left reservoir; denser at the bottom, where T begins as sqrt(E).
    node, weight = np.polynomial.legendre.leggauss(400)
    energy = 0.8 * ((node + 1) / 2)**2
    weight = weight * 0.8 * (node + 1) / 2
    left, right = np.sqrt(energy / over_2m), np.sqrt((energy + bias) / over_2m)

    def slope(x, y):
        psi, derivative = y.reshape(2, -1)
        return np.concatenate([derivative, (potential(x) - energy) / over_2m * psi])

    begin = np.concatenate([np.ones_like(right, complex), 1j * right])
    psi, derivative = solve_ivp(slope, (450.0, -450.0), begin, method="DOP853", rtol=1e-9,
                                atol=1e-12).y[:, -1].reshape(2, -1)
    passed = right / left / np.abs((psi + derivative / (1j * left)) / 2)**2
    supply = 1 / (np.exp((energy - mu) / kt) + 1) - 1 / (np.exp((energy + bias - mu) / kt) + 1)
    # charge -1: the current of the particles is the other way.
    return {"current": -2 / (2 * np.pi * HBAR) * np.sum(weight * passed * supply)}


def excitons():
    """The linear response of the filled band, with a dense matrix over k, and its eigenvalues.

    hbar/i times the rate of df is L df = [H, df] + [S[df], f_0], S[f](k) = -(1/N) sum_k' V(k - k') f(k'). After
    a kick p, df = (q p/hbar)(i [r, f_0] - df_0/dk), and sigma = (q^2 g_s/N) sum_k Tr[v i hbar/(z - L) df]/p with
    v that of H - S[f_0], z = hbar omega + i width.
    """
    t1, t2, mass, a, n, u, q0, width, place = 1.0, 0.6, 0.6, 5.0, 192, 2.0, 0.2, 0.03, (0.0, 2.0)
    k = 2 * np.pi * np.arange(n) / (n * a)
    h, slope = np.zeros((2, n, 2, 2), complex)
    h[:, 0, 1], slope[:, 0, 1] = t1 + t2 * np.exp(-1j * k * a), -1j * a * t2 * np.exp(-1j * k * a)
    h[:, 0, 0], h[:, 1, 1] = mass, -mass
    h[:, 1, 0], slope[:, 1, 0] = np.conj(h[:, 0, 1]), np.conj(slope[:, 0, 1])
    energy, s = np.linalg.eigh(h)
    f_0 = s[:, :, :1] @ np.conj(np.swapaxes(s[:, :, :1], 1, 2))
    # dP/dk of the projector on the lower band: between the bands only.
    coupling = np.conj(np.swapaxes(s, 1, 2)) @ slope @ s
    coupling[:, 0, 0] = coupling[:, 1, 1] = 0
    moved = s @ (coupling / (energy[:, 0] - energy[:, 1])[:, None, None]) @ np.conj(np.swapaxes(s, 1, 2))
    q = (k[:, None] - k + np.pi / a) % (2 * np.pi / a) - np.pi / a
    v = u * q0**2 / (q**2 + q0**2) / n

    def mean_field(f):
        return -np.einsum("kp,pab->kab", v, f)

    r = np.diag(place)
    velocity = (slope - mean_field(moved) + 1j * ((h - mean_field(f_0)) @ r - r @ (h - mean_field(f_0)))) / HBAR
    start = (1j * (r @ f_0 - f_0 @ r) - moved) / HBAR  # per q p
    one, basis = np.eye(2), np.zeros((4 * n, 4 * n), complex)
    for i in range(n):
        commutator = np.kron(h[i], one) - np.kron(one, h[i].T)
        exchange = np.kron(one, f_0[i].T) - np.kron(f_0[i], one)  # [A, f_0] of row-major A
        for j in range(n):
            basis[4 * i:4 * i + 4, 4 * j:4 * j + 4] = -v[i, j] * exchange
        basis[4 * i:4 * i + 4, 4 * i:4 * i + 4] += commutator
    level = np.sort(np.linalg.eigvals(basis).real)
    out = {"lowest pair": level[level > 0.1][0]}
    si = 1.602176634e-19 * 1e-5 / (a * 1e-10)  # S m of e angstrom/fs per V/angstrom and cell
    for name, at in (("at the pair", 1.08815), ("half a width above", 1.10315), ("at 2 eV", 2.0)):
        x = np.linalg.solve((at + 1j * width) * np.eye(4 * n) - basis, start.ravel())
        out[name] = si * (2 / n * 1j * HBAR * np.sum(np.swapaxes(velocity, 1, 2).ravel() * x)).real
    return out


REFERENCES = {"landau_zener": landau_zener, "bloch_zener": bloch_zener, "rabi": rabi,
              "graphene_pulse": graphene_pulse, "graphene_conductivity": graphene_conductivity,
              "silicon_pulse": silicon_pulse, "relaxation_after_pulse": relaxation_after_pulse,
              "ansatz_comparison": ansatz_comparison, "kinetic_corrections": kinetic_corrections,
              "zener_with_dissipation": zener_with_dissipation,
              "silicon_relaxation": silicon_relaxation, "anomalous_hall": anomalous_hall,
              "positivity": positivity, "bond_phonons": bond_phonons, "drude": drude, "excitons": excitons,
              "rashba_spin_hall": rashba_spin_hall, "barrier_tunnelling": barrier_tunnelling,
              "harmonic_cat": harmonic_cat, "free_spreading": free_spreading,
              "classical_limit": classical_limit, "zener_in_space": zener_in_space,
              "uehling_uhlenbeck": uehling_uhlenbeck, "bose_relaxation": bose_relaxation,
              "no_resistivity": no_resistivity, "carrier_multiplication": carrier_multiplication,
              "two_temperature": two_temperature, "phonon_drag": phonon_drag,
              "hydrodynamic_flow": hydrodynamic_flow,
              "kinetic_diffusion": kinetic_diffusion, "hot_spot": hot_spot,
              "anderson_kinetic_limit": anderson_kinetic_limit,
              "resonant_tunnelling_diode": resonant_tunnelling_diode}
# Those that read a file of the repository.
WITH_ROOT = (silicon_pulse, silicon_relaxation, ansatz_comparison, kinetic_corrections,
             zener_with_dissipation, barrier_tunnelling, harmonic_cat, free_spreading,
             classical_limit, zener_in_space, anderson_kinetic_limit)
