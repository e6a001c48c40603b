#!/usr/bin/python3
"""f(R,k,t) against the Schroedinger equation of the same pure state, and closed forms.

tests/support/schroedinger.py says on which grids the two are the same; every case first checks that
its grids hold the state (`tails` of the expected f), so that a failure is one of the program.
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
import schroedinger
from harness import main

TARGET = 1e-5
WHY = "acceptance: 1e-5 against the Schroedinger equation"


class Case:
    """A scenario on a line in R and its oracle: H(k), the plane waves, the initial packet."""

    def __init__(self, model, hamiltonian, r, k, line, initial, duration, snapshots, potential=(),
                 band=0, hbar=1.0, spin=1, is_lattice=False):
        self.hamiltonian, self.hbar, self.spin = hamiltonian, hbar, spin
        self.n_r, self.length = r
        self.n_k = k[0]
        self.is_lattice, self.is_driven = is_lattice, False
        # k[1]: half width of the box, or the lattice constant.
        self.domain = 2 * np.pi / k[1] if is_lattice else 2 * k[1]
        self.r = schroedinger.r_grid(*r)
        self.k = self.domain * (np.arange(self.n_k) / self.n_k - (0 if is_lattice else 0.5))
        self.line = schroedinger.Line(*line)
        self.number = initial.get("number", 1.0)
        self.duration, self.snapshots = duration, snapshots
        centers = [(initial.get("position", [0.0])[0], 1.0)]
        if initial["kind"] == "cat":
            half = initial["separation"][0] / 2
            centers = [(centers[0][0] - half, 1.0),
                       (centers[0][0] + half, np.exp(1j * initial.get("phase", 0.0)))]
        self.packet = schroedinger.packet(self.line, hamiltonian, initial["momentum"][0],
                                          initial["width"], band, centers)
        if not is_lattice:
            model = dict(model, k_max=k[1])
        if spin != 1:
            model = dict(model, spin_degeneracy=spin)
        self.scenario = {
            "units": "natural", "statistics": "classical", "model": model,
            "grid": {"k": [self.n_k], "r": {"points": [self.n_r], "length": [self.length]}},
            "initial": dict(initial, band=band), "potential": list(potential),
            "propagation": {"scheme": "splitting", "duration": duration},
            "output": {"every": snapshots, "snapshots": {"every": snapshots}}}
        if hbar != 1.0:
            self.scenario["hbar"] = hbar
        self.times = np.append(np.arange(0.0, duration * (1 - 1e-9), snapshots), duration)

    def variant(self, order=None, step=None, rtol=None, **top):
        """The scenario with a fixed step, or a tolerance, and other keys at the top."""
        propagation = dict(self.scenario["propagation"])
        if order:
            propagation.update(order=order, step=step)
        if rtol:
            propagation.update(rtol=rtol, atol=rtol / 100)
        return dict(self.scenario, propagation=propagation, **top)

    def static(self, potential):
        """(c(p), kappa) at every snapshot, by diagonalization."""
        self.solver = schroedinger.Diagonalized(self.line, self.hamiltonian, potential, self.hbar)
        return [(self.solver.at(self.packet, t), 0.0) for t in self.times]

    def driven(self, potential=None, **options):
        """The same by integration in time."""
        return schroedinger.driven(self.line, self.hamiltonian, self.packet, self.times, potential,
                                   hbar=self.hbar, **options)

    def evolve(self, state, begin, end, potential):
        """(c, kappa) from time to time without a force."""
        if begin == end:
            return state
        c, kappa = state
        return schroedinger.driven(self.line, self.hamiltonian, c, [begin, end], potential,
                                   impulse=lambda t: kappa * self.hbar, hbar=self.hbar)[-1]

    def wigner(self, state):
        return schroedinger.wigner(self.line, state[0], self.r, self.k, self.domain,
                                   self.number / self.spin, state[1])

    def wanted_momentum(self, state):
        a = 2 * np.pi / self.domain
        if self.is_lattice and abs(self.length / self.n_r - a / 2) < 1e-12:
            return schroedinger.site_distribution(self.line, state[0], self.k, a, (0, a / 2),
                                                  self.number / self.spin, state[1])
        images = self.domain * np.arange(-2, 3) if self.is_lattice else (0.0,)
        return schroedinger.momentum_distribution(self.line, state[0], self.k,
                                                  self.number / self.spin, state[1], images)

    def check(self, suite, name, result, states, tolerance=TARGET, why=WHY, tail=2e-6, least=1e-10,
              edges=None):
        """n(R), n(k), f at all snapshots, their signs, and the number of particles."""
        wanted = np.array([self.wigner(state) for state in states])
        worst = [schroedinger.tails(f) for f in wanted]
        for edge in edges or (("R", "q", "s") if self.is_lattice else ("R", "k", "q", "s")):
            suite.below(f"{name}: the grids hold the state, tail in {edge}",
                        max(tails[edge] for tails in worst), tail,
                        "of the expected f; else the comparison means nothing")
        suite.equal(f"{name}: times of the snapshots", result.snapshot("time"), self.times, 1e-12,
                    "interface")
        got = result.snapshot("f")
        suite.equal(f"{name}: f(R,k,t)", got, wanted, tolerance, why)
        suite.equal(f"{name}: n(R,t)", result.snapshot("density"),
                    np.array([schroedinger.density(self.line, c, self.r, self.number)
                              for c, _ in states]), tolerance, why)
        momentum = result.snapshot("momentum_density")
        # n(k) = g_s/2pi int dR Tr f
        suite.equal(f"{name}: n(k,t)", 2 * np.pi / self.spin * momentum,
                    np.array([self.wanted_momentum(state) for state in states]), tolerance, why)
        w = np.einsum("...aa->...", wanted).real
        negativity = self.spin * (np.abs(w) - w).sum(axis=(1, 2)) * (
            self.length / self.n_r * self.domain / self.n_k / (2 * np.pi))
        suite.equal(f"{name}: negativity", result.trace("negativity"), negativity,
                    10 * tolerance, "the sum of |f - f_wanted|; the same frames")
        suite.equal(f"{name}: hermiticity of f", got, np.conj(np.swapaxes(got, -1, -2)), 1e-14,
                    "structural")
        sign = ("acceptance: a pure state stays one" if least <= 1e-10 else
                "what the tails leave")
        suite.above(f"{name}: least n(R)", np.min(result.snapshot("density")), -least, sign)
        suite.above(f"{name}: least n(k)", np.min(momentum), -least, sign)
        suite.equal(f"{name}: integral of n(k)", momentum.sum(axis=1) * self.domain / self.n_k,
                    result.at("number", 0.0), 1e-9 * self.number, "definition")
        number = result.trace("number")
        suite.equal(f"{name}: number", number, number[0], 1e-12 * number[0], "acceptance")
        suite.equal(f"{name}: number at the start", number[0], self.number, 1e-9 * self.number,
                    "normalization; what is outside the grids")


def the_oracle(suite):
    for name, error, bound, why in schroedinger.self_test():
        suite.below(f"oracle: {name}", error, bound, why)


# Closed forms


def free_packet(suite):
    """f(R,k,t) = f_0(R - hbar k t/m, k); exact in one step, whatever its order."""
    mass, hbar, width, momentum = 1.6, 0.7, 1.1, 0.5
    case = Case({"kind": "parabolic", "mass": mass}, schroedinger.parabolic(mass, hbar),
                (96, 36.0), (96, 4.0), (72.0, 384),
                {"kind": "gaussian", "momentum": [momentum], "width": width, "position": [-2.0],
                 "number": 3.0}, 8.0, 4.0, hbar=hbar, spin=2)
    result = suite.run(case.variant(order=2, step=8.0))
    case.check(suite, "free packet", result, case.static(None), 1e-10,
               "exact flow, rounding; tails of the state at the edges", tail=1e-10)
    rr, kk = case.r[:, None], case.k[None, :]
    for t, f in zip(case.times, result.snapshot("f")):
        before = rr - hbar * kk * t / mass
        suite.equal(f"free packet: closed form at {t:g}", f[..., 0, 0],
                    1.5 * schroedinger.gaussian_wigner(before, kk, -2.0, momentum, width), 1e-10,
                    "the same")
        n = result.snapshot("density")[np.searchsorted(case.times, t)]
        mean = n @ case.r / n.sum()
        suite.equal(f"free packet: center at {t:g}", mean, -2.0 + hbar * momentum * t / mass, 1e-10,
                    "the same")
        suite.equal(f"free packet: width^2 at {t:g}", n @ (case.r - mean)**2 / n.sum(),
                    width**2 + (hbar * t / (2 * mass * width))**2, 1e-10, "the same")


def kicked(suite):
    """Two kicks on a free packet: every k moves by charge * impulse/hbar at once. The frame at the time
    of a kick is taken before it, and the work of a kick is the kinetic energy that it makes."""
    mass, momentum, impulse, charge = 1.0, -0.4, 0.6, -1
    scenario = {"units": "natural", "charge": charge,
                "model": {"kind": "parabolic", "mass": mass, "k_max": 4},
                "grid": {"k": [96], "r": {"points": [96], "length": [36]}},
                "initial": {"kind": "gaussian", "momentum": [momentum], "width": 1.1},
                "field": [{"kind": "kick", "impulse": impulse, "time": 0},
                          {"kind": "kick", "impulse": -2 * impulse, "time": 1.3}],
                "propagation": {"duration": 2}, "output": {"every": 0.65}}
    result = suite.run(scenario)
    time, k = result.trace("time"), momentum
    suite.equal("kicked: frames", time, [0, 0.65, 1.3, 1.95, 2], 1e-12, "every 0.65 and the end")
    want, energy, change = [], momentum**2 / 2 / mass, [0.0]
    for t in time:
        want.append(charge * k / mass)
        change.append(k**2 / 2 / mass - energy)
        if t == 0:
            k += charge * impulse
        if abs(t - 1.3) < 1e-9:
            k += charge * -2 * impulse
    suite.equal("kicked: current", result.trace("current")[:, 0], want, 1e-9,
                "exact but for the tails of the packet in k")
    suite.equal("kicked: work", result.trace("work"), change[1:], 1e-9, "the trapezoid is exact here")
    suite.equal("kicked: energy", result.trace("energy") - result.trace("energy")[0], change[1:],
                1e-9, "the same")


def falling(suite):
    """A uniform force: f_0 along parabolas, exact for any step; nothing drifts in at the edges."""
    mass, width, momentum, field, duration = 1.2, 1.1, 1.2, 0.3, 6.0
    case = Case({"kind": "parabolic", "mass": mass}, schroedinger.parabolic(mass), (112, 40.0),
                (96, 4.8), (80.0, 448),
                {"kind": "gaussian", "momentum": [momentum], "width": width, "position": [-2.0]},
                duration, 3.0)
    case.scenario["field"] = [{"kind": "constant", "amplitude": field}]
    force = -field  # charge -1
    result = suite.run(case.variant(order=4, step=0.25))
    case.check(suite, "falling packet", result,
               case.driven(force=lambda t: force, impulse=lambda t: force * t))
    rr, kk = case.r[:, None], case.k[None, :]
    for t, f in zip(case.times, result.snapshot("f")):
        before = rr - (kk * t - force * t**2 / 2) / mass
        suite.equal(f"falling packet: closed form at {t:g}", f[..., 0, 0],
                    schroedinger.gaussian_wigner(before, kk - force * t, -2.0, momentum, width),
                    TARGET, "closed form")


def harmonic(suite):
    """A cat in a harmonic well: rigid rotation; gradient = moyal; a period brings it back."""
    separation, phase = 4.0, 0.7
    initial = {"kind": "cat", "momentum": [0.5], "width": 0.8, "position": [0.3],
               "separation": [separation], "phase": phase}
    case = Case({"kind": "parabolic", "mass": 1.0}, schroedinger.parabolic(1.0), (96, 20.0),
                (96, 9.5), (40.0, 320), initial, 2 * np.pi, np.pi / 6,
                [{"kind": "harmonic", "stiffness": 1.0}])
    # Strang errs by h^2: the 4th-order composition at this step by some 1e-7.
    moyal = suite.run(case.variant(order=4, step=np.pi / 96))
    gradient = suite.run(case.variant(order=4, step=np.pi / 96, drift="gradient"))
    case.check(suite, "cat in a harmonic well", moyal, case.static(lambda x: x**2 / 2))
    rr, kk = case.r[:, None], case.k[None, :]
    for t, f in zip(case.times, moyal.snapshot("f")):
        back_r, back_k = np.cos(t) * rr - np.sin(t) * kk, np.cos(t) * kk + np.sin(t) * rr
        suite.equal(f"cat in a harmonic well: rotation by {t:.3f}", f[..., 0, 0],
                    schroedinger.cat_wigner(back_r, back_k, 0.5, 0.8, separation, phase, 0.3),
                    TARGET, "closed form")
    suite.above("cat in a harmonic well: depth of the interference",
                -moyal.snapshot("f").real.min(), 0.5, "else a classical state is tested")
    suite.equal("harmonic well: gradient = moyal", gradient.snapshot("f"), moyal.snapshot("f"),
                1e-12, "acceptance: U is quadratic")
    suite.equal("harmonic well: energy", moyal.trace("energy"), moyal.trace("energy")[0], 1e-6,
                "order 4, pi/96")


# Against the Schroedinger equation


def barrier(suite):
    """A packet on a barrier as high as its energy: most of it passes."""
    mass, momentum, width, duration = 1.0, 1.5, 2.5, 26.0
    shape = {"height": 2.3, "width": 1.0, "edge": 1.3}
    case = Case({"kind": "parabolic", "mass": mass}, schroedinger.parabolic(mass), (296, 110.0),
                (300, 4.5), (240.0, 768),
                {"kind": "gaussian", "momentum": [momentum], "width": width, "position": [-17.0]},
                duration, 13.0, [dict(shape, kind="barrier")])

    def potential(x):
        return schroedinger.barrier(x, **shape)

    result = suite.run(case.variant(order=4, step=0.1))
    states = case.static(potential)
    case.check(suite, "barrier", result, states, least=1e-6)
    right = case.r > 0
    step = case.length / case.n_r
    n = result.snapshot("density")
    suite.equal("barrier: transmission", n[-1][right].sum() * step,
                schroedinger.density(case.line, states[-1][0], case.r)[right].sum() * step, TARGET,
                WHY)
    suite.equal("barrier: transmission by the average of |t(k)|^2", n[-1][right].sum() * step,
                schroedinger.packet_transmission(momentum, width, mass, potential, 13.0), TARGET,
                "the packets have left")
    suite.equal("barrier: energy", result.trace("energy"),
                case.solver.mean_energy(case.line, case.packet), TARGET, WHY)


def quartic_case(duration, snapshots):
    return Case({"kind": "parabolic", "mass": 1.0}, schroedinger.parabolic(1.0), (112, 14.0),
                (96, 12.0), (28.0, 320),
                {"kind": "gaussian", "momentum": [0.0], "width": 0.7, "position": [1.5],
                 "number": 3.0}, duration, snapshots,
                [{"kind": "expression", "expression": "0.05*x^4"}], spin=2)


def quartic(suite):
    """A quartic well, where the packet turns into a Wigner function with negative parts."""
    case = quartic_case(8.0, 2.0)
    result = suite.run(case.variant(order=4, step=0.02))
    states = case.static(lambda x: 0.05 * x**4)
    case.check(suite, "quartic well", result, states)
    suite.above("quartic well: depth of the negative parts", -result.snapshot("f").real.min(), 0.5,
                "else a classical state is tested")
    suite.equal("quartic well: energy", result.trace("energy"),
                3.0 * case.solver.mean_energy(case.line, case.packet), TARGET, WHY)
    suite.above("quartic well: negativity", result.trace("negativity")[-1], 1.0,
                "a third of the 3 particles; else a classical state is tested")
    suite.equal("quartic well: warnings of eigenvalues outside [0, 1]",
                sum("eigenvalue" in text for text in result.warnings()), 0, 0,
                "interface: a Wigner function may be negative")
    wanted = case.wigner(states[-1])
    errors = []
    for rtol in (1e-4, 1e-6):
        adaptive = suite.run(case.variant(rtol=rtol))
        errors.append(np.max(np.abs(adaptive.snapshot("f")[-1] - wanted)))
        suite.below(f"quartic well: f with steps by error control, rtol {rtol:g}", errors[-1],
                    rtol, "the estimate bounds each step, not the sum; measured: a fifth of rtol")
    suite.below("quartic well: error at rtol 1e-6 over that at 1e-4", errors[1] / errors[0], 0.1,
                "1e-2 if in proportion")


def observed_order(suite, name, case, state, steps):
    """Errors of f at the end over fixed steps, for each order."""
    wanted = case.wigner(state)
    for degree, lengths in steps.items():
        errors, drifts = [], []
        for step in lengths:
            result = suite.run(case.variant(order=degree, step=step))
            # The mean square does not hop from one point of the grid to another.
            errors.append(np.sqrt(np.mean(np.abs(result.snapshot("f")[-1] - wanted)**2)))
            drifts.append(abs(result.trace("energy")[-1] - result.trace("energy")[0]))
        listed = ", ".join(f"{e:.2e}" for e in errors)
        suite.equal(f"{name}: order {degree} observed, errors {listed}",
                    np.log2(errors[-2] / errors[-1]), degree, 0.1, "acceptance")
        if not case.is_driven:
            suite.below(f"{name}: order {degree}, energy drift at {lengths[-1]:g} against "
                        f"{lengths[0]:g}", drifts[-1] / drifts[0], 2.0 * 4.0**-degree,
                        "falls as the order says")


def order(suite):
    """Static, with U(t), and with a pulse that acts on two orbitals, where -F(t).r does not commute
    with H: the error falls as step^2 and step^4."""
    case = quartic_case(4.0, 4.0)
    observed_order(suite, "quartic well", case, case.static(lambda x: 0.05 * x**4)[-1],
                   {2: (0.1, 0.05, 0.025), 4: (0.2, 0.1, 0.05)})
    case, potential = modulated_case(5.0)
    observed_order(suite, "modulated well", case, case.driven(potential)[-1],
                   {2: (0.2, 0.1, 0.05), 4: (0.4, 0.2, 0.1)})
    case, options = ssh_case(10.0)
    case.scenario["potential"] = []
    observed_order(suite, "SSH packet under a pulse", case, case.driven(**options)[-1],
                   {2: (0.2, 0.1, 0.05), 4: (0.5, 0.25, 0.125)})


def dirac(suite):
    """A two-band packet on a step too high for one band: part of it passes as a hole (Klein)."""
    case = Case({"kind": "dirac1d", "velocity": 1.0, "gap": 0.5}, oracle.dirac1d(1.0, 0.5),
                (180, 72.0), (184, 4.4), (140.0, 448),
                {"kind": "gaussian", "momentum": [1.0], "width": 2.5, "position": [-14.0]}, 28.0,
                14.0, [{"kind": "gaussian", "height": 2.2, "width": 2.0}], band=1)
    result = suite.run(case.variant(order=4, step=0.1))
    states = case.static(lambda x: 2.2 * np.exp(-x**2 / 8))
    case.check(suite, "Dirac packet", result, states, least=1e-7)
    right = case.r > 0
    step = case.length / case.n_r
    wanted = schroedinger.density(case.line, states[-1][0], case.r)[right].sum() * step
    suite.above("Dirac packet: what passes", wanted, 0.1, "else nothing is tested")
    suite.equal("Dirac packet: transmission", result.snapshot("density")[-1][right].sum() * step,
                wanted, TARGET, WHY)
    suite.equal("Dirac packet: energy", result.trace("energy"),
                case.solver.mean_energy(case.line, case.packet), TARGET, WHY)
    # The weight of the lower band, at k and at R: a coherence of the packet made it.
    population = result.snapshot("population_k")
    suite.equal("Dirac packet: populations add up to Tr f", population.sum(axis=-1),
                np.einsum("srkaa->srk", result.snapshot("f")).real, 1e-13, "rounding")
    vector = np.linalg.eigh(case.hamiltonian(case.k[:, None]))[1]
    suite.equal("Dirac packet: populations", population,
                np.einsum("kan,srkab,kbn->srkn", vector.conj(), np.array(
                    [case.wigner(state) for state in states]), vector).real, 2 * TARGET, WHY)


def marginals(suite):
    """n(R) and n(k) of a packet split at a barrier, on grids that hold all of it: where they leave
    1e-6, in the other cases, n(R) and n(k) fall to -1e-8."""
    for name, model, hamiltonian, k_max, band in (
            ("one band", {"kind": "parabolic", "mass": 1.0}, schroedinger.parabolic(1.0), 6.5, 0),
            ("two bands", {"kind": "dirac1d", "velocity": 1.0, "gap": 0.5},
             oracle.dirac1d(1.0, 0.5), 6.5, 1)):
        case = Case(model, hamiltonian, (256, 64.0), (256, k_max), (130.0, 512),
                    {"kind": "gaussian", "momentum": [1.3], "width": 1.2, "position": [-7.0]}, 9.0,
                    3.0, [{"kind": "gaussian", "height": 1.2, "width": 1.2}], band=band)
        result = suite.run(case.variant(order=4, step=0.05))
        states = case.static(lambda x: 1.2 * np.exp(-x**2 / (2 * 1.2**2)))
        case.check(suite, f"marginals, {name}", result, states, tail=2e-8)
        n, right = result.snapshot("density")[-1], case.r > 0
        suite.above(f"marginals, {name}: what passes", n[right].sum() / n.sum(), 0.1,
                    "else nothing is split")
        suite.above(f"marginals, {name}: what is reflected", n[~right].sum() / n.sum(), 0.1,
                    "else nothing is split")


def dirac_harmonic(suite):
    """H linear in k and U quadratic in R: gradient = moyal for matrices too."""
    case = Case({"kind": "dirac1d", "velocity": 1.0, "gap": 1.0}, oracle.dirac1d(1.0, 1.0),
                (100, 32.0), (100, 5.0), (64.0, 320),
                {"kind": "gaussian", "momentum": [1.2], "width": 1.5, "position": [-2.0]}, 4.0, 4.0,
                [{"kind": "harmonic", "stiffness": 0.05, "center": [0.5]}], band=1)
    moyal = suite.run(case.variant(order=4, step=0.05))
    gradient = suite.run(case.variant(order=4, step=0.05, drift="gradient"))
    case.check(suite, "Dirac packet in a harmonic well", moyal,
               case.static(lambda x: 0.025 * (x - 0.5)**2))
    suite.equal("Dirac packet in a harmonic well: gradient = moyal", gradient.snapshot("f"),
                moyal.snapshot("f"), 1e-12, "H is linear, U quadratic")


MODULATED = {"hbar": 0.8, "mass": 0.9}


def modulated_case(snapshots):
    """A well whose depth oscillates, with hbar not 1, and its U(x, t)."""
    hbar, mass = MODULATED["hbar"], MODULATED["mass"]
    case = Case({"kind": "parabolic", "mass": mass}, schroedinger.parabolic(mass, hbar),
                (128, 48.0), (128, 6.0), (96.0, 400),
                {"kind": "gaussian", "momentum": [0.4], "width": 1.2, "position": [-1.0]}, 5.0,
                snapshots, [{"kind": "gaussian", "height": -1.0, "width": 2.0, "center": [0.2],
                             "modulation": "1 + 0.6*sin(2*t)"}], hbar=hbar)
    case.is_driven = True

    def potential(x, t):
        return -np.exp(-(x - 0.2)**2 / 8) * (1 + 0.6 * np.sin(2 * t))

    return case, potential


def modulated(suite):
    """A modulated well: n, f, and the energy, which is not conserved."""
    hbar, mass = MODULATED["hbar"], MODULATED["mass"]
    case, potential = modulated_case(2.5)
    states = case.driven(potential)
    result = suite.run(case.variant(order=4, step=0.02))
    case.check(suite, "modulated well", result, states, least=1e-8)
    energy = result.trace("energy")
    suite.above("modulated well: energy exchanged", np.ptp(energy), 0.1, "else nothing is tested")
    wanted = []
    for t, (c, _) in zip(case.times, states):
        psi = schroedinger.wave(case.line, c, case.line.x)[:, 0]
        kinetic = case.line.length * np.sum((hbar * case.line.p)**2 / (2 * mass)
                                            * np.abs(c[:, 0])**2)
        wanted.append(kinetic + np.sum(potential(case.line.x, t) * np.abs(psi)**2)
                      * case.line.length / case.line.points)
    suite.equal("modulated well: energy", energy, wanted, TARGET, WHY)


def bloch(suite):
    """A packet on a chain under a uniform field: its center oscillates by 4J/F."""
    hopping, field, momentum, width = 1.0, 0.4, 0.6, 4.0
    force = -field  # charge -1
    period = 2 * np.pi / field
    case = Case({"kind": "chain", "J": hopping, "lattice_constant": 1.0},
                oracle.chain(hopping, 1.0), (72, 72.0), (128, 1.0), (160.0, 512),
                {"kind": "gaussian", "momentum": [momentum], "width": width, "position": [1.0]},
                period, period / 8, is_lattice=True)
    case.scenario["field"] = [{"kind": "constant", "amplitude": field}]
    states = case.driven(force=lambda t: force, impulse=lambda t: force * t)
    result = suite.run(case.variant(order=4, step=period / 160))
    case.check(suite, "Bloch oscillation", result, states)
    n = result.snapshot("density")
    center = n @ case.r * case.length / case.n_r
    # v = 2J sin k averaged over a packet of momentum spread 1/2w.
    wanted = 1.0 + 2 * hopping / force * np.exp(-1 / (8 * width**2)) * (
        np.cos(momentum) - np.cos(momentum + force * case.times))
    suite.equal("Bloch oscillation: center", center, wanted, 10 * TARGET,
                "closed form; the center weights tails by R up to 36")
    suite.above("Bloch oscillation: swing", np.ptp(center), 0.9 * 4 * hopping / field,
                "amplitude 2J/F, seen at eighths of the period")


def impurity(suite):
    """A packet on a chain is reflected by a potential of one cell: on an R grid of a/2, with s in
    steps of a, hops lead from point to point, and no momentum is too large."""
    hopping, momentum, width, height, reach = 1.0, 1.2, 3.0, 1.5, 0.6
    case = Case({"kind": "chain", "J": hopping, "lattice_constant": 1.0},
                oracle.chain(hopping, 1.0), (192, 96.0), (180, 1.0), (100.0, 1000),
                {"kind": "gaussian", "momentum": [momentum], "width": width, "position": [-16.0]},
                18.0, 9.0, [{"kind": "gaussian", "height": height, "width": reach}],
                is_lattice=True)
    result = suite.run(case.variant(order=4, step=0.05))
    states = case.static(lambda x: height * np.exp(-x**2 / (2 * reach**2)))
    case.check(suite, "impurity in a chain", result, states, least=1e-7, edges=("R", "s"))
    # The sites alone, on which U is 1.5, 0.374 and less: a tridiagonal matrix.
    site = np.arange(-80, 81)
    matrix = np.diag(height * np.exp(-site**2 / (2 * reach**2)))
    matrix = matrix - hopping * (np.eye(161, k=1) + np.eye(161, k=-1))
    energy, vector = np.linalg.eigh(matrix)
    psi = np.exp(1j * momentum * site - (site + 16.0)**2 / (4 * width**2))
    psi = vector @ (np.exp(-18j * energy) * (vector.T @ (psi / np.linalg.norm(psi))))
    n = result.snapshot("density")[-1]
    suite.equal("impurity in a chain: n at the sites alone", n[::2],
                np.abs(psi[np.isin(site, np.round(case.r[::2]))])**2, TARGET, WHY)
    suite.above("impurity in a chain: what is reflected", n[case.r < 0].sum() / n.sum(), 0.2,
                "else nothing is tested")


def ssh_case(snapshots):
    """Two orbitals in a cell, apart, in a potential and under a pulse, and its options of `driven`.
    """
    t1, t2, mass, a, apart = 0.9, 0.6, 0.15, 1.0, 0.4
    amplitude, middle, fwhm, duration = -0.25, 5.0, 4.0, 10.0
    # The pulse takes the packet over the smallest gap, at pi/a. U is smooth and low: what it would
    # scatter by large momenta leaves the range of q.
    case = Case({"kind": "ssh", "t1": t1, "t2": t2, "mass": mass, "lattice_constant": a,
                 "positions": [0.0, apart]}, oracle.ssh(t1, t2, mass, a), (72, 72.0), (112, a),
                (140.0, 420),
                {"kind": "gaussian", "momentum": [2.2], "width": 4.0, "position": [-3.0]}, duration,
                snapshots, [{"kind": "gaussian", "height": 0.15, "width": 4.0, "center": [2.0]}],
                is_lattice=True)
    case.is_driven = True
    case.scenario["field"] = [{"kind": "pulse", "amplitude": amplitude, "center": middle,
                               "fwhm": fwhm}]
    pulse = oracle.gauss_pulse(amplitude, middle, fwhm)
    integral = oracle.primitive(pulse, 0.0, duration)
    return case, {"force": lambda t: -float(pulse(t)), "impulse": lambda t: -integral(t),
                  "position": np.diag([0.0, apart])}


def ssh(suite):
    """The potential acts at the center of the cell, the field on the orbitals where they are."""
    case, options = ssh_case(5.0)
    states = case.driven(lambda x, t: 0.15 * np.exp(-(x - 2.0)**2 / 32), **options)
    result = suite.run(case.variant(order=4, step=0.05))
    case.check(suite, "SSH packet", result, states, least=1e-7)
    upper = result.snapshot("population_k")[-1][..., 1].sum()
    suite.above("SSH packet: weight of the upper band",
                upper * case.length / case.n_r / case.n_k, 0.05, "else one band is tested")


# Kicks of orbitals


def kicked_states(case, potential, kicks, position):
    """(c, kappa) at the times of the case, under kicks [(time, charge * impulse)], at whose own times
    the state is that before; the work of each kick."""
    state, now, work = (case.packet, 0.0), 0.0, []
    states = []
    for end in case.times:
        while kicks and kicks[0][0] < end:
            time, impulse = kicks.pop(0)
            state = case.evolve(state, now, time, potential)
            before = schroedinger.band_energy(case.line, case.hamiltonian, *state)
            state = schroedinger.kicked(case.line, *state, impulse, position, case.hbar)
            work.append(case.number * (schroedinger.band_energy(
                case.line, case.hamiltonian, *state) - before))
            now = time
        state, now = case.evolve(state, now, end, potential), end
        states.append(state)
    return states, work


def check_kicks(suite, name, case, potential, position):
    """Against the Schroedinger equation, and the limit of a short pulse."""
    impulse, second, charge = 0.9, -0.5, -1
    at = (0.0, 1.5)
    case.scenario["field"] = [{"kind": "kick", "impulse": impulse, "time": at[0]},
                              {"kind": "kick", "impulse": second, "time": at[1]}]
    states, work = kicked_states(case, potential, [(at[0], charge * impulse),
                                                   (at[1], charge * second)], position)
    result = suite.run(case.variant(rtol=1e-7))
    case.check(suite, name, result, states, least=1e-7)
    time = result.trace("time")
    wanted = [sum(w for w, t in zip(work, at) if t < frame - 1e-9) for frame in time]
    suite.equal(f"{name}: work", result.trace("work"), wanted, TARGET,
                "the change of the band energy by the oracle")
    suite.above(f"{name}: work of a kick", np.max(np.abs(work)), 0.1, "else nothing is tested")
    if not callable(position):
        # Dipoles between cells would move n(R), and with it the energy of U, of which J.E knows
        # nothing.
        suite.equal(f"{name}: energy", result.trace("energy") - result.trace("energy")[0],
                    result.trace("work"), TARGET, "U does not depend on time")
    check = suite.run(dict(case.variant(rtol=1e-7), propagation={
        "scheme": "unsplit", "duration": case.duration, "rtol": 1e-7, "atol": 1e-9}))
    suite.equal(f"{name}: unsplit", check.snapshot("f"), result.snapshot("f"), 1e-6,
                "10 rtol each")
    suite.equal(f"{name}: work in unsplit", check.trace("work"), result.trace("work"), 1e-6,
                "10 rtol; there it is the quadrature of J.impulse over the kick")
    # A pulse of the same area in place of the second kick. While it lasts r moves, and r(t) does not
    # commute with r(t'): an error of first order in its length.
    errors = []
    for fwhm in (0.02, 0.01):
        pulse = {"kind": "pulse", "amplitude": second / (fwhm * np.sqrt(np.pi / (4 * np.log(2)))),
                 "center": at[1], "fwhm": fwhm}
        short = suite.run(case.variant(rtol=1e-7, field=[case.scenario["field"][0], pulse]))
        errors.append(np.max(np.abs(short.snapshot("f")[-1] - result.snapshot("f")[-1])))
    suite.below(f"{name}: a pulse of {fwhm:g} in its place", errors[1], fwhm, "its length")
    suite.equal(f"{name}: power of its length, errors {errors[0]:.2e}, {errors[1]:.2e}",
                np.log2(errors[0] / errors[1]), 1.0, 0.15, "the limit of a short pulse")


def kicked_orbitals(suite):
    """Orbitals apart from each other: each gets the phase of its own position."""
    case, _ = ssh_case(2.0)
    case.duration, case.times = 4.0, np.array([0.0, 2.0, 4.0])
    case.scenario["propagation"]["duration"] = 4.0
    check_kicks(suite, "kicked orbitals", case, lambda x, t: 0.15 * np.exp(-(x - 2.0)**2 / 32),
                np.diag([0.0, 0.4]))


def kicked_dipoles(suite):
    """Dipoles between cells, whose matrix changes while the kick moves k."""
    hop = {0: np.array([[0.3, 0.9], [0.9, -0.3]]), 1: np.array([[0.1, 0.0], [0.6, -0.1]])}
    dipole = {0: np.array([[0.0, 0.2], [0.2, 0.0]]), 1: np.array([[0.05, 0.0], [0.25, 0.0]])}
    positions = [0.0, 0.4]

    def listed(matrices, **keys):
        rows = []
        for cell, matrix in matrices.items():
            rows.append(dict(keys, R=[cell], re=matrix.tolist()))
            if cell:
                rows.append(dict(keys, R=[-cell], re=matrix.T.tolist()))
        return rows

    def bloch(matrices):
        def function(k):
            phase = np.exp(1j * k)[..., None]
            return matrices[0] + phase * matrices[1] + phase.conj() * matrices[1].T
        return function

    r = bloch(dipole)
    case = Case({"kind": "tight_binding", "lattice_vectors": [[1.0]],
                 "positions": [[x] for x in positions], "hoppings": listed(hop),
                 "dipoles": listed(dipole, axis=0)}, bloch(hop), (72, 72.0), (112, 1.0),
                (140.0, 420), {"kind": "gaussian", "momentum": [2.2], "width": 4.0,
                               "position": [-3.0]}, 4.0, 2.0,
                [{"kind": "gaussian", "height": 0.15, "width": 4.0, "center": [2.0]}],
                is_lattice=True)
    check_kicks(suite, "kicked dipoles", case, lambda x, t: 0.15 * np.exp(-(x - 2.0)**2 / 32),
                lambda k: np.diag(positions) + r(k))


# Gradient expansion


def gradient_expansion(suite):
    """`gradient` is Liouville's equation, whatever hbar; `moyal` differs from it by hbar^2.

    The start is a Gaussian in R and in p = hbar k that does not depend on hbar, thermal at T.
    """
    mass, temperature, width, center, strength, duration = 1.0, 0.5, 0.7, 1.2, 0.05, 1.5
    p_max, n_r, n_k, length = 7.0, 80, 96, 14.0

    def scenario(hbar, drift, time, step):
        return {"units": "natural", "hbar": hbar, "statistics": "classical", "drift": drift,
                "model": {"kind": "parabolic", "mass": mass, "k_max": p_max / hbar},
                "grid": {"k": [n_k], "r": {"points": [n_r], "length": [length]}},
                "initial": {"kind": "local_equilibrium", "temperature": temperature,
                            "chemical_potential": 0.0, "chemical_potential_profile":
                            f"-{temperature / (2 * width**2)!r}*(x - {center!r})^2"},
                "potential": [{"kind": "expression", "expression": f"{strength!r}*x^4"}],
                "propagation": {"scheme": "splitting", "duration": time, "order": 4, "step": step},
                "output": {"every": time, "snapshots": {"every": time}}}

    rr, pp = np.meshgrid(schroedinger.r_grid(n_r, length), schroedinger.r_grid(n_k, 2 * p_max),
                         indexing="ij")

    def start(r, p):
        return np.exp(-p**2 / (2 * mass * temperature) - (r - center)**2 / (2 * width**2))

    wanted = schroedinger.along_characteristics(rr, pp, start, lambda x: -4 * strength * x**3, mass,
                                                duration)
    classical, differences = [], []
    for hbar in (0.4, 0.2, 0.1):
        first, second = (suite.run(scenario(hbar, drift, duration, 0.02)).snapshot("f")[..., 0, 0]
                         for drift in ("gradient", "moyal"))
        suite.equal(f"quartic well, hbar {hbar:g}: the start", first[0], start(rr, pp), 1e-12,
                    "classical occupation of H_k with the local chemical potential")
        suite.equal(f"quartic well, hbar {hbar:g}: gradient is Liouville's equation", first[-1],
                    wanted, TARGET, "4th order at 0.02; tails of f")
        classical.append(first[-1])
        differences.append(second[-1] - first[-1])
    suite.equal("quartic well: gradient does not know hbar", classical[-1], classical[0], 1e-9,
                "rounding; the flows are the same numbers")
    sizes = [np.sqrt(np.mean(np.abs(d)**2)) for d in differences]
    suite.above("quartic well: moyal - gradient at hbar 0.4", sizes[0], 1e-3,
                "else rounding is tested")
    listed = ", ".join(f"{size:.3e}" for size in sizes)
    suite.equal(f"quartic well: power of hbar, differences {listed}",
                np.log2(sizes[1] / sizes[2]), 2.0, 0.02, "acceptance; next term hbar^4")
    # d f/dt of moyal beyond gradient is -(hbar^2/24) U''' d^3 f/dp^3.
    hbar, time = 0.1, 1e-3
    first, second = (suite.run(scenario(hbar, drift, time, time)).snapshot("f")[-1][..., 0, 0].real
                     for drift in ("gradient", "moyal"))
    u = pp / np.sqrt(mass * temperature)
    third = -(u**3 - 3 * u) * start(rr, pp) / (mass * temperature)**1.5
    expected = -hbar**2 / 24 * 24 * strength * rr * third
    suite.equal("quartic well: first quantum term", (second - first) / time, expected,
                0.01 * np.max(np.abs(expected)), "first order in time: 1e-3; next order of hbar")


def plane(suite):
    """Two dimensions, anisotropic harmonic well that couples x and y: the classical linear map."""
    n, length, k_max, width, duration = 28, 10.0, 5.0, 0.7, 1.2
    stiffness = np.array([[1.0, 0.3], [0.3, 0.8]])
    center, momentum = np.array([0.5, -0.4]), np.array([0.3, 0.4])
    scenario = {"units": "natural", "statistics": "classical",
                "model": {"kind": "parabolic", "mass": 1.0, "k_max": k_max},
                "grid": {"k": [n, n], "r": {"points": [n, n], "length": [length, length]}},
                "initial": {"kind": "gaussian", "band": 0, "momentum": momentum.tolist(),
                            "position": center.tolist(), "width": width},
                "potential": [{"kind": "expression",
                               "expression": "0.5*x^2 + 0.4*y^2 + 0.3*x*y"}],
                "propagation": {"scheme": "splitting", "duration": duration, "order": 4,
                                "step": 0.1},
                "output": {"every": duration, "snapshots": {"every": duration}}}
    result = suite.run(scenario)
    # (R,k)(0) = cos, sin of Omega t on (R,k)(t), Omega^2 = stiffness.
    square, basis = np.linalg.eigh(stiffness)
    omega = np.sqrt(square)
    angle = omega * duration
    cos, sine, rate = ((basis * g) @ basis.T
                       for g in (np.cos(angle), np.sin(angle) / omega, np.sin(angle) * omega))
    x, k = schroedinger.r_grid(n, length), schroedinger.r_grid(n, 2 * k_max)
    r = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)[:, :, None, None, :]
    q = np.stack(np.meshgrid(k, k, indexing="ij"), axis=-1)[None, None]
    f = 1.0
    before_r, before_k = r @ cos - q @ sine, q @ cos + r @ rate
    for i in range(2):
        f = f * schroedinger.gaussian_wigner(before_r[..., i], before_k[..., i], center[i],
                                             momentum[i], width)
    suite.equal("plane: f after the classical map", result.snapshot("f")[-1][..., 0, 0], f,
                2 * TARGET, "closed form; f is up to 4, order 4 at 0.1")
    suite.equal("plane: n(x,y)", result.snapshot("density")[-1],
                f.sum(axis=(2, 3)) * (2 * k_max / n / (2 * np.pi))**2, TARGET, "closed form")
    suite.equal("plane: number", result.trace("number"), 1.0, 1e-6, "tails of the state")
    suite.equal("plane: number drift", result.trace("number"), result.trace("number")[0], 1e-12,
                "acceptance")


if __name__ == "__main__":
    main([the_oracle, free_packet, kicked, falling, harmonic, quartic, order, barrier, dirac,
          marginals, dirac_harmonic, modulated, bloch, impurity, ssh, kicked_orbitals,
          kicked_dipoles, gradient_expansion, plane])
