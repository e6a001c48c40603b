#!/usr/bin/python3
"""Runs the scenarios of scenarios/ and compares what comes out with their expected.json.

    check_scenarios.py KELDRIFT SOURCE_ROOT [--references] [NAME...]

expected.json holds
    set       changes to the scenario (PATH=VALUE), to make the run short; optional
    values    a list of {dataset, selection, value, tolerance, why}: an index per axis of the dataset,
              with `minus`, another selection, the difference of the two; `change: true` is short for
              the difference from the same entry of the first frame
    spectrum  {arguments, values: [{energy, column, value, tolerance, why}]}: what scripts/spectrum
              makes of the result; optional
Every value comes from a closed form or from an integration that shares nothing with keldrift.
--references computes them anew, with the functions below, and compares them with the files instead of
running keldrift.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

HBAR = 0.6582119569  # eV fs
BOLTZMANN = 8.617333262e-5  # eV/K
# A reference has to agree with what expected.json says this much better than the run has to.
REFERENCE_MARGIN = 0.2


# --- references -----------------------------------------------------------------------------------


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


REFERENCES = {"landau_zener": landau_zener, "bloch_zener": bloch_zener, "rabi": rabi,
              "graphene_pulse": graphene_pulse, "graphene_conductivity": graphene_conductivity,
              "silicon_pulse": silicon_pulse, "relaxation_after_pulse": relaxation_after_pulse}


# --- comparison -----------------------------------------------------------------------------------


def report(name, what, got, want, tolerance, why):
    error = abs(got - want)
    good = error <= tolerance
    print(f"{'ok  ' if good else 'FAIL'} {name}: {what}: got {got:.9g}, want {want:.9g}, error "
          f"{error:.1e}, tolerance {tolerance:.1e}" + ("" if good else f" ({why})"))
    return good


def entry(dataset, selection):
    return float(dataset[tuple(selection)])


def check_values(name, result, values):
    good = True
    with h5py.File(result) as file:
        for v in values:
            dataset = file[v["dataset"]]
            got = entry(dataset, v["selection"])
            before = [0] + v["selection"][1:] if v.get("change") else v.get("minus")
            if before is not None:
                got -= entry(dataset, before)
            what = f"{v['dataset']}{v['selection']}" + (" change" if before is not None else "")
            good &= report(name, what, got, v["value"], v["tolerance"], v["why"])
    return good


def check_spectrum(name, root, folder, spectrum):
    table = folder / "spectrum.csv"
    done = subprocess.run([root / "scripts/spectrum", folder / "result.h5", "--csv", table, "-o",
                           folder / "spectrum", "--format", "png", *spectrum["arguments"]],
                          capture_output=True, text=True)
    if done.returncode != 0:
        print(f"FAIL {name}: scripts/spectrum ended with {done.returncode}: {done.stderr.strip()}")
        return False
    with open(table, newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    energy = np.array([float(row["energy_eV"]) for row in rows])
    good = True
    for v in spectrum["values"]:
        if v["column"] not in rows[0]:
            print(f"FAIL {name}: no column {v['column']} (there are {', '.join(rows[0])})")
            return False
        column = np.array([float(row[v["column"]]) for row in rows])
        got = float(np.interp(v["energy"], energy, column))
        good &= report(name, f"{v['column']} at {v['energy']} eV", got, v["value"], v["tolerance"],
                       v["why"])
    return good


def check_run(name, keldrift, root, expected):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        overrides = [word for change in expected.get("set", []) for word in ("--set", change)]
        start = time.monotonic()
        done = subprocess.run([keldrift, "run", root / "scenarios" / name / f"{name}.yaml", "-o",
                               folder / "result.h5", "--quiet", *overrides],
                              capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            print(f"FAIL {name}: keldrift ended with {done.returncode}: {done.stderr.strip()}")
            return False
        print(f"     {name}: ran in {time.monotonic() - start:.1f} s")
        good = check_values(name, folder / "result.h5", expected["values"])
        if "spectrum" in expected:
            good &= check_spectrum(name, root, folder, expected["spectrum"])
        return good


def check_references(name, root, expected):
    """Whether the values of expected.json are what they say they are."""
    function = REFERENCES[name]
    computed = function(root) if function is silicon_pulse else function()
    good = True
    for v in expected["values"] + expected.get("spectrum", {}).get("values", []):
        if "reference" in v:
            good &= report(name, f"reference '{v['reference']}'", computed[v["reference"]],
                           v["value"], REFERENCE_MARGIN * v["tolerance"], v["why"])
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keldrift", metavar="KELDRIFT", help="the program")
    parser.add_argument("root", metavar="SOURCE_ROOT", type=Path)
    parser.add_argument("names", metavar="NAME", nargs="*", help="scenarios; default: all")
    parser.add_argument("--references", action="store_true", help="compute the values anew")
    options = parser.parse_args()
    root = options.root.resolve()
    keldrift = options.keldrift if os.sep not in options.keldrift else Path(
        options.keldrift).resolve()
    folders = {path.parent.name: path for path in sorted((root / "scenarios").glob(
        "*/expected.json"))}
    unknown = [name for name in options.names if name not in folders]
    if unknown:
        parser.error(f"no expected.json for {', '.join(unknown)} (expected some of "
                     f"{', '.join(folders)})")
    failed = []
    for name in options.names or folders:
        expected = json.loads(folders[name].read_text(encoding="utf-8"))
        good = (check_references(name, root, expected) if options.references
                else check_run(name, keldrift, root, expected))
        if not good:
            failed.append(name)
    print(f"FAIL: {', '.join(failed)}" if failed else f"ok: {len(options.names or folders)} scenarios")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
