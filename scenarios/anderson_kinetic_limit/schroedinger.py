#!/usr/bin/python3
"""The averaged Schroedinger evolution that the kinetic equation is compared with, into averages.json.

    schroedinger.py [--seeds N] [--first SEED] [-o averages.json]

Anderson's model on the square lattice, H = -sum over neighbors + sqrt(eps) U(x), U uniform and independent from site to site with
variance 1 (W^2/12 with W = sqrt 12), J = hbar = a = 1. The packet is a Gaussian of standard deviation WIDTH along x and a plane
wave along y, whose k_y is drawn from the same Gaussian as the spread of k_x: averaged over y, what a kinetic run
with an R grid along x starts from. Split-operator steps, kinetic part by FFT, in single precision; H is split so that
the error of the step leaves elastic scattering alone. A quarter of an hour for 40 seeds.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import fft

EPS = (1.0, 0.5, 0.25, 0.125)
POINTS = (320, 224)  # sites along x and y
CENTER = (np.pi / 2, 0.0)  # k_0: v = 2 along x, E = -2
WIDTH = 8.0
SCALED = np.linspace(0, 6, 13)  # eps t
STEP = 0.15
COARSE = 32  # points of n(k) per axis that are kept
FAR = 0.125  # the eps whose n(k) at the end is kept


def packet(random, k, x):
    """psi(x, y), normalized, from a Gaussian in k_x as the state `gaussian` of keldrift has it."""
    spread = np.exp(-((k[0] - CENTER[0] + np.pi) % (2 * np.pi) - np.pi)**2 * WIDTH**2)
    line = fft.ifft(spread * np.exp(-1j * k[0] * POINTS[0] / 2))  # at the middle of the lattice
    n_y = np.rint((CENTER[1] + random.normal(0, 0.5 / WIDTH)) * POINTS[1] / (2 * np.pi))
    psi = line[:, None] * np.exp(2j * np.pi * n_y / POINTS[1] * np.arange(POINTS[1]))
    return (psi / np.sqrt((np.abs(psi)**2).sum())).astype(np.complex64)


def evolve(eps, seed):
    """<v_x> and <x^2> at the times SCALED/eps, n(k) on a coarse grid at the last."""
    random = np.random.default_rng(seed)
    k = [2 * np.pi * np.fft.fftfreq(n) for n in POINTS]
    x = (np.arange(POINTS[0]) - POINTS[0] / 2)[:, None]
    potential = np.sqrt(12 * eps) * (random.random(POINTS) - 0.5)
    psi = packet(random, k, x)
    band = -2 * np.cos(k[0])[:, None] - 2 * np.cos(k[1])
    velocity = 2 * np.sin(k[0])[:, None]
    values = []

    def measure():
        n_k = np.abs(fft.fft2(psi))**2
        n_k /= n_k.sum()
        values.append(((n_k * velocity).sum(), (np.abs(psi)**2 * x**2).sum()))
        return n_k

    measure()
    for interval in np.diff(SCALED) / eps:
        steps = int(np.ceil(interval / STEP))
        h = interval / steps
        half = np.exp(-0.5j * h * potential).astype(np.complex64)
        move = np.exp(-1j * h * band).astype(np.complex64)
        psi *= half
        for step in range(steps):
            psi = fft.ifft2(move * fft.fft2(psi, overwrite_x=True), overwrite_x=True)
            psi *= half if step + 1 == steps else half * half
        n_k = measure()
    coarse = np.fft.fftshift(n_k).reshape(COARSE, POINTS[0] // COARSE, COARSE, POINTS[1] // COARSE)
    return np.array(values).T, coarse.sum(axis=(1, 3))


def main():
    parser = argparse.ArgumentParser(prog="schroedinger.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40, help="realizations of U (40)")
    parser.add_argument("--first", type=int, default=1, help="number of the first (1)")
    parser.add_argument("-o", "--output", type=Path,
                        default=Path(__file__).resolve().parent / "averages.json")
    options = parser.parse_args()
    out = {"seeds": options.seeds, "width": WIDTH, "momentum": CENTER, "eps": EPS,
           "scaled_time": SCALED.tolist(), "velocity": [], "velocity_error": [], "square": [],
           "square_error": []}
    for eps in EPS:
        runs = [evolve(eps, options.first + i) for i in range(options.seeds)]
        values = np.array([r[0] for r in runs])
        mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(options.seeds)
        for row, (name, digits) in enumerate((("velocity", 5), ("square", 3))):
            out[name].append(np.round(mean[row], digits).tolist())
            out[name + "_error"].append(np.round(error[row], digits).tolist())
        print(f"eps = {eps}: <v_x> = {mean[0].round(4)} +- {error[0, -1]:.4f}", flush=True)
        if eps == FAR:
            cells = np.mean([r[1] for r in runs], axis=0)
            out["momentum_distribution"] = np.round(cells * COARSE**2, 3).tolist()
    options.output.write_text(json.dumps(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
