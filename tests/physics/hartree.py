#!/usr/bin/python3
"""The potential of the carriers' own charge: Poisson's equation, plasma oscillations, conservation.

The oracle of the oscillations is the linearized equation of motion. With f_0(k) uniform and
dE(k) = E(k+q/2) - E(k-q/2),

    n_q(t) = int dk/2pi g f_q(k,0) e^{-i dE t/hbar} + int_0^t ds K(t - s) n_q(s),
    K(t) = -(i/hbar) (coupling/q^2) g int dk/2pi [f_0(k-q/2) - f_0(k+q/2)] e^{-i dE t/hbar},

a Volterra equation, solved here by the trapezoidal rule on a fine line of times.
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import main

MASS, KT, SPIN = 1.0, 0.1, 2
LENGTH, K_MAX, N_R, N_K = 24.0, 3.0, 25, 81


def gas(density, profile, duration, cross_section=1.0, permittivity=1.0, **propagation):
    """A one-dimensional gas under natural units, where e^2/epsilon_0 = 1."""
    return {
        "units": "natural", "model": {"kind": "parabolic", "mass": MASS, "k_max": K_MAX,
                                      "spin_degeneracy": SPIN},
        "grid": {"k": [N_K], "r": {"points": [N_R], "length": [LENGTH]}},
        "initial": {"kind": "local_equilibrium", "temperature": KT, "density": density,
                    "density_profile": profile},
        "potential": [{"kind": "hartree", "permittivity": permittivity,
                       "cross_section": cross_section}],
        "propagation": dict({"duration": duration, "rtol": 1e-7, "atol": 1e-9}, **propagation),
        "output": {"every": duration / 100, "snapshots": {"every": duration / 100}}}


def mode(result, number=1):
    """n_q of every snapshot, of the given number of waves in the box."""
    r = LENGTH * (np.arange(N_R) / N_R - 0.5)
    return result.snapshot("density") @ np.exp(-2j * np.pi * number * r / LENGTH) / N_R


def linear(times, q, k, f_0, f_q, coupling, fine=40):
    """n_q(t) of the linearized equation; k is the grid of the run, sums over it included."""
    step = (times[1] - times[0]) / fine
    t = step * np.arange((len(times) - 1) * fine + 1)
    dk, turn = k[1] - k[0], np.exp(-1j * np.outer(t, q * k / MASS))
    free = SPIN * dk / (2 * np.pi) * turn @ f_q
    kernel = (-1j * coupling / q**2 * SPIN * dk / (2 * np.pi)
              * turn @ (f_0(k - q / 2) - f_0(k + q / 2)))
    n = np.zeros(len(t), complex)
    for i in range(len(t)):
        past = 0
        if i > 0:
            past = step * (kernel[i:0:-1] @ n[:i] - 0.5 * kernel[i] * n[0])
        n[i] = (free[i] + past) / (1 - 0.5 * step * kernel[0])
    return n[::fine]


def fermi(result):
    """The Fermi function of the unperturbed gas as a function of k, from its density."""
    def occupation(mu):
        return lambda k: 1 / (np.exp(np.clip((k**2 / (2 * MASS) - mu) / KT, -700, 700)) + 1)

    grid = result["/grid/k"][:, 0]
    wanted = result.snapshot("density")[0].mean()
    low, high = -5.0, 5.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        value = SPIN * (grid[1] - grid[0]) / (2 * np.pi) * occupation(middle)(grid).sum()
        low, high = (middle, high) if value < wanted else (low, middle)
    return occupation(middle)


def energy_at_start(suite):
    """A wave of density: its field energy is half of the integral of U n, which is
    coupling A^2 L/(4 q^2)."""
    density, depth, q = 0.5, 0.2, 2 * np.pi / LENGTH
    profile = f"1 + {depth}*cos({q!r}*x)"
    charged = suite.run(gas(density, profile, 0.01, cross_section=0.8, permittivity=2.5))
    neutral = suite.run(dict(gas(density, profile, 0.01), potential=[]))
    field = charged.trace("energy")[0] - neutral.trace("energy")[0]
    suite.equal("wave of charge: energy of its field", field,
                (density * depth)**2 * LENGTH / (4 * q**2 * 0.8 * 2.5), 1e-12,
                "closed form; rounding of the sum of energies")


def plasmon(suite):
    """A weak wave in a degenerate gas rings at the zero of its dielectric function."""
    density, depth, q = 0.5, 1e-4, 2 * np.pi / LENGTH
    plasma = np.sqrt(density / MASS)
    duration = 4 * 2 * np.pi / plasma
    result = suite.run(gas(density, f"1 + {depth}*cos({q!r}*x)", duration))
    k = result["/grid/k"][:, 0]
    f = result.snapshot("f")[0, ..., 0, 0].real
    r = LENGTH * (np.arange(N_R) / N_R - 0.5)
    f_q = np.exp(-1j * q * r) @ f / N_R
    n = mode(result)
    want = linear(result.snapshot("time"), q, k, fermi(result), f_q, 1.0)
    suite.equal("plasmon: n_q(t)", n / n[0], want / want[0], 3e-4,
                "linear response; the depth 1e-4 leaves its square, the trapezoidal rule 1e-4")
    # The frequency from the zeros of n_q.
    time, y = result.snapshot("time"), n.real
    cross = np.flatnonzero(y[1:] * y[:-1] < 0)
    zeros = time[cross] + y[cross] / (y[cross] - y[cross + 1]) * (time[1] - time[0])
    omega = np.pi * (len(zeros) - 1) / (zeros[-1] - zeros[0])
    weight = fermi(result)(k)
    weight /= weight.sum()
    low, high = plasma, 2 * plasma
    for _ in range(60):
        expected = 0.5 * (low + high)
        epsilon = 1 - plasma**2 * np.sum(weight / ((expected - q * k / MASS)**2
                                                   - (q**2 / (2 * MASS))**2))
        low, high = (low, expected) if epsilon > 0 else (expected, high)
    suite.equal("plasmon: frequency", omega, expected, 2e-3 * expected,
                "zero of the dielectric function of Lindhard; the start of the wave, between frames")
    suite.above("plasmon: the dispersion matters", expected / plasma, 1.04, "else omega_p would do")
    speed = weight @ k**2 / MASS**2
    suite.equal("plasmon: Bohm and Gross", omega, np.sqrt(plasma**2 + 3 * speed * q**2),
                5e-3 * expected, "omega_p^2 + 3 <v^2> q^2; the next order in q is 3e-3")


def strong_wave(suite):
    """A strong wave, far from linear: number and energy, and the order of the composition."""
    density, q = 0.5, 2 * np.pi / LENGTH
    profile, duration = f"1 + 0.4*cos({q!r}*x)", 6.0

    def run(**propagation):
        return suite.run(gas(density, profile, duration, permittivity=4.0, **propagation))

    fine = run(order=4, step=0.025)
    suite.equal("strong wave: number", fine.trace("number"), fine.trace("number")[0], 1e-11,
                "structural")
    energy = fine.trace("energy")
    field = suite.run(dict(gas(density, profile, 0.01), potential=[])).trace("energy")[0]
    suite.equal("strong wave: energy", energy, energy[0], 1e-7,
                "conserved; order 4 at a step of 0.025")
    suite.above("strong wave: energy of the field", energy[0] - field, 0.3,
                "else nothing is conserved but that of free motion")
    for order, steps in ((2, (0.2, 0.1, 0.05)), (4, (0.4, 0.2, 0.1))):
        error = [np.abs(run(order=order, step=step).snapshot("f")[-1]
                        - fine.snapshot("f")[-1]).max() for step in steps]
        for coarse, finer in zip(error, error[1:]):
            suite.equal(f"strong wave: observed order {order}", np.log2(coarse / finer), order, 0.1,
                        "acceptance: +-0.1")


def doped(suite):
    """Carriers on a background of their own form: no field. The same on a uniform one: a field."""
    q = 2 * np.pi / LENGTH
    profile = f"1 + 0.3*cos({q!r}*x)"
    scenario = gas(0.5, profile, 0.01)
    uniform = suite.run(scenario).trace("energy")[0]
    scenario["potential"][0]["background"] = f"0.5*({profile})"
    same = suite.run(scenario).trace("energy")[0]
    none = suite.run(dict(scenario, potential=[])).trace("energy")[0]
    suite.equal("doped: energy without a field", same, none, 1e-12, "n = background everywhere")
    suite.equal("doped: energy of the field", uniform - none, (0.15)**2 * LENGTH / (4 * q**2),
                1e-12, "closed form")


def with_contacts(suite):
    """Contacts change the charge within the flow in which it acts: still of second order."""
    q = 2 * np.pi / LENGTH
    scenario = gas(0.5, f"1 + 0.4*cos({q!r}*x)", 4.0, order=2)
    scenario["contacts"] = [
        {"kind": "reservoir", "side": "left", "width": 9, "rate": 1.0, "temperature": KT,
         "density": 0.7},
        {"kind": "absorber", "side": "right", "width": 7, "rate": 0.5}]

    def last(step):
        scenario["propagation"]["step"] = step
        return suite.run(scenario)

    results = [last(step) for step in (0.2, 0.1, 0.05, 0.025)]
    states = [result.snapshot("f")[-1] for result in results]
    change = [np.abs(a - b).max() for a, b in zip(states, states[1:])]
    for coarse, finer in zip(change, change[1:]):
        suite.equal("contacts and charge: observed order", np.log2(coarse / finer), 2, 0.1,
                    "acceptance: +-0.1")
    number = results[-1].trace("number") - results[-1].trace("contact_number").sum(axis=1)
    suite.equal("contacts and charge: number less what came in", number, number[0], 1e-11,
                "structural")


if __name__ == "__main__":
    main([energy_at_start, plasmon, strong_wave, doped, with_contacts])
