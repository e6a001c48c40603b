#!/usr/bin/python3
"""`keldrift steady` against closed forms, against a dense solution, and against a long run."""

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


def rashba(ansatz, strength):
    return {"units": "natural", "grid": {"k": [72, 72]},
            "model": {"kind": "rashba", "mass": 1, "alpha": 0.5, "gap": 0, "k_max": 4.2},
            "initial": {"kind": "equilibrium", "temperature": 0.25, "chemical_potential": 0.8},
            "collisions": {"ansatz": ansatz, "broadening": 0.3,
                           "terms": [{"kind": "impurity", "strength": strength,
                                      "vertex": "scalar"}]},
            "observables": [{"name": "js", "current_of": "pauli_z", "axis": 1}],
            "propagation": {"duration": 1}}


def spin_current(result):
    """In units of e/8 pi per field: spin 1/2 of pauli_z/2, per area."""
    cell = (2 * np.pi)**2 / 8.4**2
    return 0.5 * result["/steady/user/js"][0] / cell * 8 * np.pi


def spin_hall(suite):
    """Rashba gas: no stationary spin-Hall current from scalar impurities, in units of e/8 pi."""
    for ansatz in ("matrix", "causal"):
        current = spin_current(steady(suite, rashba(ansatz, 0.3)))
        suite.equal(f"spin-Hall current, {ansatz}", current, 0, 1e-6,
                    "exact by conservation where the grid resolves f_eq and the box edge is empty")


def relaxation_time_spin_hall(suite):
    """What a relaxation time gives instead: the intrinsic value, e/8 pi where both bands are occupied
    and e/8 pi sqrt(1 + 2 E/(m alpha^2)) between the bottom and the crossing (where it is the difference
    of the two Fermi momenta over 2 m alpha), averaged over -f'."""
    kt, mu, depth = 0.25, 0.8, 0.5 * 0.5**2
    want = quad(lambda e: -fermi_slope(e, mu, kt) * np.sqrt(1 + e / depth), -depth, 0)[0]
    want += quad(lambda e: -fermi_slope(e, mu, kt), 0, 20)[0]
    for ansatz in ("rta", "diagonal"):
        current = spin_current(steady(suite, rashba(ansatz, 0.06)))
        suite.equal(f"spin-Hall current, {ansatz}", abs(current), want, 1e-3,
                    "clean limit: corrections of order (rate/splitting)^2")


if __name__ == "__main__":
    main([chain, haldane, impurities, spin_hall, relaxation_time_spin_hall])
