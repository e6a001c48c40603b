#!/usr/bin/python3
"""Contacts and absorbers: closed forms, the Schroedinger equation with an absorbing potential, the
current of Landauer, and a small device with two barriers.

In the moyal flow an absorber is the potential -i hbar gamma(x)/2 of a Schroedinger equation; in the
gradient flow f decays along straight lines.
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from harness import main


def ramp(depth, edge, rate):
    t = np.clip(depth / edge, 0, 1)
    return rate * t**3 * (10 - 15 * t + 6 * t**2)


def fermi(k, mu, kt, mass=1.0):
    return 1 / (np.exp((k**2 / (2 * mass) - mu) / kt) + 1)


def free_gas(n_r, length, n_k, k_max, contacts, duration, initial=None, **propagation):
    return {"units": "natural", "model": {"kind": "parabolic", "mass": 1.0, "k_max": k_max,
                                          "spin_degeneracy": 2},
            "grid": {"k": [n_k], "r": {"points": [n_r], "length": [length]}},
            "initial": initial or {"kind": "bands", "occupation": 0.0}, "contacts": contacts,
            "propagation": dict({"duration": duration}, **propagation),
            "output": {"every": duration / 4, "snapshots": {"every": duration / 2}}}


def streaming(suite):
    """Reservoirs fill an empty box: f = f_c (1 - exp(-int gamma dt)) along straight lines."""
    n_r, length, mu, kt, edge, rate, duration = 135, 30.0, 0.6, 0.1, 8.0, 0.9, 4.0
    contacts = [{"kind": "reservoir", "side": side, "width": 10.0, "edge": edge, "rate": rate,
                 "temperature": kt, "chemical_potential": mu} for side in ("left", "right")]

    def run(step):
        return suite.run(dict(free_gas(n_r, length, 63, 2.6, contacts, duration, step=step),
                              drift="gradient"))

    result = run(0.05)
    r, k = result["/grid/r"][:, 0], result["/grid/k"][:, 0]
    node, weight = np.polynomial.legendre.leggauss(40)
    passed = 0
    for piece in range(10):  # the profile has kinks in its third derivative
        for t, w in zip(duration * (piece + (node + 1) / 2) / 10, weight * duration / 20):
            x = (r[:, None] - k[None, :] * t + length / 2) % length - length / 2
            passed = passed + w * ramp(np.abs(x) - length / 2 + 10.0, edge, rate)
    want = fermi(k, mu, kt) * (1 - np.exp(-passed))
    got = result.snapshot("f")[-1, ..., 0, 0].real
    suite.equal("reservoirs into the void: f(R,k)", got, want, 1e-4,
                "closed form; steps of 0.05 leave 4e-5")
    suite.above("reservoirs into the void: f inside", got[np.abs(r) < 4].max(), 0.1,
                "else nothing has come in")
    number = result.trace("number") - result.trace("contact_number").sum(axis=1)
    suite.equal("reservoirs into the void: number less what came in", number, 0, 1e-11, "structural")


def uniform(suite):
    """Where absorbers cover the box, the number falls exponentially, whatever else happens."""
    both = [{"kind": "absorber", "side": side, "width": 20.0, "edge": 1e-3, "rate": 0.15}
            for side in ("left", "right")]
    scenario = free_gas(64, 20.0, 48, 4.0, both, 3.0,
                        {"kind": "gaussian", "momentum": [1.0], "width": 1.0})
    scenario.update(statistics="classical", potential=[{"kind": "harmonic", "stiffness": 0.4}])
    for drift in ("moyal", "gradient"):
        result = suite.run(dict(scenario, drift=drift))
        suite.equal(f"uniform rate, {drift}: number", result.trace("number"),
                    np.exp(-0.3 * result.trace("time")), 1e-9, "dN/dt = -(0.15 + 0.15) N exactly")
        suite.equal(f"uniform rate, {drift}: what each took",
                    result.trace("contact_number")[-1], -0.5 * (1 - np.exp(-0.9)), 1e-9, "half each")
    scenario.update(drift="gradient", propagation={"duration": 3.0, "order": 2, "step": 0.5})
    result = suite.run(scenario)
    free = suite.run(dict(scenario, contacts=[]))
    suite.equal("uniform rate: f", result.snapshot("f")[-1], np.exp(-0.9) * free.snapshot("f")[-1],
                1e-9, "f falls alike but at the first R, the inner end of one, where f is 1e-9")


def no_rate(suite):
    """Contacts without a rate are none."""
    contact = {"kind": "reservoir", "side": "left", "width": 8.0, "rate": 0.0, "temperature": 0.3,
               "chemical_potential": 0.5}
    scenario = free_gas(48, 20.0, 40, 4.0, [contact], 2.0,
                        {"kind": "gaussian", "momentum": [1.0], "width": 1.0}, order=2, step=0.1)
    scenario.update(statistics="classical", potential=[{"kind": "harmonic", "stiffness": 0.4}])
    result = suite.run(scenario)
    without = suite.run(dict(scenario, contacts=[]))
    suite.equal("no rate: number", result.trace("number"), 1.0, 1e-12, "acceptance")
    suite.equal("no rate: f", result.snapshot("f"), without.snapshot("f"), 1e-13, "rounding")


def absorber(suite):
    """A packet runs into an absorber: against the Schroedinger equation with -i hbar gamma/2."""
    mass, momentum, width, start, duration = 1.0, 1.5, 3.0, -5.0, 60.0
    n_r, length, n_k, k_max, reach, rate = 189, 90.0, 189, 2.6, 30.0, 1.2
    scenario = free_gas(n_r, length, n_k, k_max,
                        [{"kind": "absorber", "side": side, "width": reach, "rate": rate}
                         for side in ("left", "right")],
                        duration, {"kind": "gaussian", "momentum": [momentum], "width": width,
                                   "position": [start]}, order=2, step=0.05)
    scenario["statistics"] = "classical"
    scenario["model"]["spin_degeneracy"] = 1
    scenario["output"] = {"every": 5.0, "snapshots": {"every": 15.0}}
    result = suite.run(scenario)
    # Split steps on a longer line, so fine that they do not matter.
    n, line, step = 1024, 2 * length, 0.02
    x = line * (np.arange(n) / n - 0.5)
    p = 2 * np.pi * np.fft.fftfreq(n, line / n)
    psi = (2 * np.pi * width**2)**-0.25 * np.exp(-(x - start)**2 / (4 * width**2)
                                                 + 1j * momentum * x)
    loss = np.exp(-0.25 * step * ramp(np.abs(x) - (length / 2 - reach), reach, rate))
    move = np.exp(-0.5j * step * p**2 / mass)
    norms, densities = [np.sum(abs(psi)**2) * line / n], [abs(psi)**2]
    for i in range(1, round(duration / step) + 1):
        psi = loss * np.fft.ifft(move * np.fft.fft(loss * psi))
        if i % 250 == 0:
            norms.append(np.sum(abs(psi)**2) * line / n)
            densities.append(abs(psi)**2)
    suite.equal("absorber: number", result.trace("number"), norms, 1e-5,
                "Schroedinger equation; steps of 0.05 leave 4e-6")
    r = result["/grid/r"][:, 0]
    coarse = [np.interp(r, x, densities[i]) for i in (0, 3)]
    suite.equal("absorber: n(R)", result.snapshot("density")[:2], coarse, 3e-4,
                "the same, interpolated linearly to the R grid")
    suite.below("absorber: what is left", abs(result.trace("number")[-1]), 1e-6,
                "reflected, and slow parts of the packet: stated in docs/numerics.md")
    suite.equal("absorber: number less what came in",
                result.trace("number") - result.trace("contact_number").sum(axis=1), 1.0, 1e-11,
                "structural")


def landauer(suite):
    """A wire between reservoirs, without a barrier: I = (g_s/h) int (f_L - f_R) dE, which is
    (g_s/h) kT ln[(1 + e^(mu_L/kT))/(1 + e^(mu_R/kT))]."""
    kt, length = 0.1, 80.0

    def formula(left, right):
        # charge -1: the current of the particles is the other way.
        return -2 / (2 * np.pi) * kt * np.log((1 + np.exp(left / kt)) / (1 + np.exp(right / kt)))

    def whole(mu, n_k, drift="moyal", potential=(), duration=500.0, step=0.25, sides=("left", "right")):
        contacts = [{"kind": "reservoir", "side": side, "width": 30.0, "rate": 1.2,
                     "temperature": kt, "chemical_potential": m}
                    for side, m in zip(sides, mu)]
        scenario = free_gas(61, length, n_k, 2.6, contacts, duration, order=2, step=step)
        return suite.run(dict(scenario, drift=drift, potential=list(potential)))

    def run(*arguments, **options):
        result = whole(*arguments, **options)
        between = np.abs(result["/grid/r"][:, 0]) < 10
        return result.snapshot("current_density")[-1, between, 0]

    for drift, tolerance in (("moyal", 5e-4), ("gradient", 1e-4)):
        suite.equal(f"open wire, {drift}: mean current over I", run((0.9, 0.5), 63, drift).mean()
                    / formula(0.9, 0.5), 1, tolerance,
                    "Landauer; the jump of f where the reservoirs meet leaves waves, of zero mean")
    # What flows behind the contacts, from one to the other, is no current of the device.
    result = whole((0.9, 0.5), 63, step=0.1)
    want = formula(0.9, 0.5)
    current = result.trace("contact_current")[-1] / want
    suite.equal("open wire: half of contact_current in and out over I", (current[0] - current[1]) / 2, 1, 2e-3,
                "Landauer; the splitting leaves (rate step)^2/12 = 1.2e-3 of what a contact exchanges")
    suite.below("open wire: what stays in the box over I", abs(current.sum()), 0.03,
                "electrons near k = 0 still fill the box, as time goes by ever slower")
    rate = -np.diff(result.trace("contact_number")[-2:], axis=0)[0] / 125 / want
    suite.equal("open wire: the growth of contact_number", (rate[0] - rate[1]) / 2, 1, 2e-3, "the same in time")
    suite.equal("open wire: number less what came in",
                result.trace("number") - result.trace("contact_number").sum(axis=1), 0, 1e-10, "structural")
    alone = whole((0.9,), 63, duration=50.0)
    suite.equal("one contact: number less what came in",
                alone.trace("number") - alone.trace("contact_number")[:, 0], 0, 1e-10,
                "what flows through the end of the box stays within it")
    # The bias as a smooth step of U, and equal reservoirs: what is above the step passes.
    step = [{"kind": "expression", "expression": "-0.2*(1 + tanh(x/3))"}]
    errors = []
    for n_k in (21, 31, 63):
        current = run((0.9, 0.9), n_k, potential=step)
        errors.append(np.abs(current / formula(0.9, 0.5) - 1).max())
    suite.below("wire under a bias, 63 k: current at every R over I", errors[2], 5e-4,
                "Landauer; slow electrons, which the step and the contacts reflect")
    for coarse, fine in zip(errors, errors[1:]):
        suite.below("wire under a bias: the error with the k grid", fine, coarse, "it converges")


def device(suite):
    """Two barriers under a bias: one stationary current at every R, from any initial state."""
    mu, kt, length, width = 0.044, 0.023, 80.0, 28.0
    contact = {"kind": "reservoir", "width": width, "rate": 0.35, "temperature": kt,
               "chemical_potential": mu}
    contacts = [dict(contact, side=side) for side in ("left", "right")]

    def run(bias, occupation, duration, step):
        # k_max well beyond what is occupied: the point -k_max has no partner.
        scenario = free_gas(117, length, 125, 2.5, contacts, duration, order=2, step=step)
        if occupation:
            scenario["initial"] = {"kind": "equilibrium", "temperature": kt,
                                   "chemical_potential": mu}
        scenario["potential"] = [
            {"kind": "double_barrier", "height": 0.31, "width": 2.2, "separation": 6.5,
             "edge": 1.3},
            {"kind": "expression", "expression": f"-{bias}*(1 + tanh(x/4))/2"}]
        return suite.run(scenario)

    full, empty = run(0.14, True, 1600.0, 0.06), run(0.14, False, 1600.0, 0.06)
    r = full["/grid/r"][:, 0]
    between = np.abs(r) < length / 2 - width
    current = full.snapshot("current_density")[-1, between, 0]
    mean = current.mean()
    suite.below("device: current at all R between the reservoirs, spread over mean",
                np.ptp(current) / abs(mean), 1e-4, "acceptance")
    suite.equal("device: current from another initial state",
                empty.snapshot("current_density")[-1, between, 0], current, 1e-4 * abs(mean),
                "acceptance")
    suite.equal("device: in at one contact, out at the other",
                full.trace("contact_current")[-1].sum(), 0, 1e-4 * abs(mean), "stationary")
    none = run(0.0, True, 4000.0, 0.25).snapshot("current_density")[-1, between, 0]
    suite.below("device: current without a bias over that with it", np.abs(none).max() / abs(mean),
                1e-6, "acceptance; waves of the R grid from the ends of the contacts")
    suite.below("device: its mean", abs(none.mean() / mean), 1e-7, "by symmetry")


if __name__ == "__main__":
    main([streaming, uniform, no_rate, absorber, landauer, device])
