#!/usr/bin/python3
"""Draws how the carriers of silicon_relaxation cool down, and checks their energy loss.

    scenarios/silicon_relaxation/cooling.py [RESULT.h5]

Left: the mean energy of electrons above the lowest conduction level and of holes below the highest valence
level, and where the lattice will bring them. Right: the occupation of every level near the gap at a few times.
Dashed is the Fermi function of the lattice; levels that phonons do not connect within a nanosecond have
chemical potentials of their own. The table compares the rate at which the energy falls with the golden rule,
computed here from the levels, eigenvectors and populations in the result.
"""

import re
import sys
from pathlib import Path

from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from keldrift.figures import apply_style, run_script  # noqa: E402
from keldrift.result import HBAR_EV_FS, Error, Result  # noqa: E402

BOLTZMANN = 8.617333262e-5  # eV/K
N_VALENCE = 4
REACH = 1.5  # eV from the gap that are drawn
SLOWEST = 1e-6  # 1/fs, below which a rate does not connect two levels


def gauss(x, sigma):
    return np.exp(-0.5 * (x / sigma)**2) / (np.sqrt(2 * np.pi) * sigma)


def baths(scenario):
    """Broadening, and energy, coupling and kT of the phonons, all in eV."""
    sigma = float(re.search(r"^  broadening: (\S+) eV", scenario, re.MULTILINE).group(1))
    terms = re.findall(r"- kind: phonon\s+energy: (\S+) eV\s+coupling: (\S+) eV\s+temperature: (\S+) K",
                       scenario)
    return sigma, [(float(w), float(g), BOLTZMANN * float(t)) for w, g, t in terms]


def golden_rule(energy, vector, sigma, terms):
    """Rates [to, from] between all levels: an own bath per orbital, spectral function times n_B."""
    level = energy.reshape(-1)
    weight = np.abs(np.swapaxes(vector, -1, -2).reshape(level.size, -1))**2
    rate = np.empty((level.size, level.size))
    for i, e in enumerate(level):
        x = e - level
        near = np.abs(x) < 1e-9
        y = np.where(near, 1, x)
        line = sum(2 * np.pi * g**2 * np.where(near, 2 * w * kt / sigma**2 * gauss(w, sigma),
                                               (gauss(y - w, sigma) - gauss(y + w, sigma))
                                               / np.expm1(np.clip(y / kt, -700, 700)))
                   for w, g, kt in terms)
        rate[i] = line * (weight @ weight[i])
    return rate / (HBAR_EV_FS * len(energy))


def fermi(energy, mu, kt):
    return 1 / (np.exp(np.clip((energy - mu) / kt, -700, 700)) + 1)


def chemical_potential(energy, number, kt):
    low, high = energy.min() - 1, energy.max() + 1
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if fermi(energy, middle, kt).sum() < number else (low, middle)
    return low


def depth(energy, f):
    """Mean energy of electrons and of holes from the edges of the gap, eV."""
    upper, lower = energy[:, N_VALENCE:], energy[:, :N_VALENCE]
    electron, hole = f[:, N_VALENCE:], 1 - f[:, :N_VALENCE]
    return (np.sum(electron * upper) / electron.sum() - upper.min(),
            lower.max() - np.sum(hole * lower) / hole.sum())


def draw(time, energy, f, thermal, island, title):
    apply_style()
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.6), width_ratios=[1, 1.5])
    values = np.array([depth(energy, one) for one in f])
    for color, name, of_time, end in zip(("C0", "C1"), ("electrons", "holes"), values.T,
                                         depth(energy, thermal)):
        left.plot(time, 1e3 * of_time, "o-", color=color, label=name)
        left.axhline(1e3 * end, color=color, linestyle="--", linewidth=1)
    left.plot([], [], "--", color="gray", label="the end")
    left.set_xlabel("time (fs)")
    left.set_ylabel("mean energy from the gap (meV)")
    left.set_ylim(0, 1.45e3 * values.max())
    left.legend(loc="upper right")

    shown = [0, int(np.argmin(np.abs(time - 0.3 * time[-1]))), len(time) - 1]
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(shown)))
    near = (energy > energy[:, :N_VALENCE].max() - REACH) & (energy < energy[:, N_VALENCE:].min() + REACH)
    x = energy[near]
    is_upper = np.broadcast_to(np.arange(energy.shape[1]) >= N_VALENCE, energy.shape)[near]
    for i, color in zip(shown, colors):
        carriers = np.where(is_upper, f[i][near], 1 - f[i][near])
        right.semilogy(x, carriers, ".", color=color, markersize=3, label=f"{time[i]:.0f} fs")
    ends = np.where(is_upper, thermal[near], 1 - thermal[near])
    for one in np.unique(island[near]):
        part = island[near] == one
        order = np.argsort(x[part])
        right.semilogy(x[part][order], ends[part][order], "--", color="gray", linewidth=1)
    right.set_ylim(1e-6, 1)
    right.set_xlabel("energy (eV)")
    right.set_ylabel("holes (left), electrons (right) per level")
    right.plot([], [], "--", color="gray", label="the end")
    right.legend(loc="center", bbox_to_anchor=(0.5, 0.18), markerscale=3, handlelength=1)
    figure.suptitle(title)
    return figure


def main():
    if len(sys.argv) > 2 or sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return
    path = Path(sys.argv[1] if len(sys.argv) == 2 else "silicon_relaxation.h5")
    with Result(path) as result:
        time = result.read("/snapshots/time").values
        energy = result.read("/model/energy").values
        n_band = energy.shape[-1]
        energy = energy.reshape(-1, n_band)
        vector = result.read("/model/eigenvector").values.reshape(-1, n_band, n_band)
        f = result.read("/snapshots/population_k").values.reshape(len(time), -1, n_band)
        frame, trace = result.trace("time").values, result.trace("energy").values
        sigma, terms = baths(result.scenario)
        title = result.title
    if not terms:
        raise Error(f"{path}: error: the scenario has no phonons")

    rate = golden_rule(energy, vector, sigma, terms)
    level = energy.reshape(-1)
    kt = terms[0][2]
    _, island = connected_components(csr_matrix(rate > SLOWEST), directed=False)
    thermal = np.empty_like(level)
    for one in np.unique(island):
        part = island == one
        number = f[0].reshape(-1)[part].sum()
        if min(number, part.sum() - number) < 1e-6:  # Empty or full: nothing moves.
            thermal[part] = f[0].reshape(-1)[part]
            continue
        mu = chemical_potential(level[part], number, kt)
        thermal[part] = fermi(level[part], mu, kt)
        print(f"{part.sum():5d} levels from {level[part].min():8.4f} to {level[part].max():8.4f} eV: "
              f"{number / len(energy):.8f} electrons per cell and spin, chemical potential {mu:.4f} eV")
    thermal = thermal.reshape(energy.shape)

    print("  t (fs)   electrons   holes (meV from the gap)   loss (meV/ps per cell): golden rule   run")
    for t, one in zip(time, f):
        p = one.reshape(-1)
        loss = -2 * level @ ((rate @ p) * (1 - p) - p * (rate.T @ (1 - p))) / len(energy)
        # A quartic through five frames.
        i = min(max(int(np.argmin(np.abs(frame - t))) - 2, 0), len(frame) - 5)
        fit = np.polynomial.Polynomial.fit(frame[i:i + 5], trace[i:i + 5], 4)
        electron, hole = depth(energy, one)
        print(f"{t:8.0f} {1e3 * electron:11.2f} {1e3 * hole:7.2f} {1e6 * loss:52.4f} "
              f"{-1e6 * fit.deriv()(t):12.4f}")
    electron, hole = depth(energy, thermal)
    away = np.abs(f[-1] - thermal)
    print(f"  the end {electron * 1e3:10.2f} {hole * 1e3:7.2f}   |f - f_Fermi| at {time[-1]:.0f} fs: "
          f"{away[:, :N_VALENCE].max():.2g} below the gap, {away[:, N_VALENCE:].max():.2g} above")

    figure = draw(time, energy, f, thermal, island.reshape(energy.shape), title)
    for suffix in ("png", "pdf"):
        figure.savefig(f"{path.stem}.{suffix}", dpi=200)
        print(f"wrote {path.stem}.{suffix}")


if __name__ == "__main__":
    run_script(main)
