"""Band structures along paths, from Wannier90's files or from what the program computed.

A lattice model is its matrices <0|H|R>, of which H(k) = sum_R exp(i k.R) <0|H|R> is the Fourier sum. They
are read from SEED_tb.dat or SEED_hr.dat, or made from /model of a result, whose H(k) on the grid is
transformed to R: exact if no hopping reaches further than half of the grid. The energies of a k.p model are
shown on the lines of the grid through k = 0.
"""

import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray

from .figures import COLORS, axis_label, escape, styled
from .program import resolve, run
from .result import USAGE_ERROR, Error, Result, ResultWarning, nan_max

# Grids on which a model is computed, by dimension.
LATTICE_GRID = {1: [64], 2: [32, 32], 3: [12, 12, 12]}
BOX_GRID = {1: [512], 2: [128, 128], 3: [48, 48, 48]}
# A direction whose hoppings are all below this fraction of the largest one has no dispersion to draw.
FLAT = 1e-3
# A hopping at the rim of the grid above this fraction of the largest one is reported.
RIM_LIMIT = 1e-4


@dataclass
class Bands:
    """A lattice model: the hoppings [cell, orbital, orbital] to the cells [cell, dimension]."""

    vectors: np.ndarray  # rows, angstrom
    cells: np.ndarray
    hoppings: np.ndarray
    title: str = ""
    unit: str = "eV"

    @classmethod
    def from_wannier90(cls, path, lattice_vectors=None, fermi_energy=0.0):
        """Reads SEED_tb.dat or, with lattice vectors, SEED_hr.dat; `fermi_energy` becomes zero."""
        try:
            with open(path, encoding="utf-8") as file:
                file.readline()  # a comment
                words = file.read().split("\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise Error(f"{path}: error: cannot be read: "
                        f"{getattr(problem, 'strerror', None) or 'not a text'}") from None
        try:
            has_vectors = len(words[0].split()) == 3
            vectors = np.array([words[i].split() for i in range(3)], float) if has_vectors else None
            numbers = " ".join(words[3 if has_vectors else 0:]).split()
            n_orbital, n_cell = int(numbers[0]), int(numbers[1])
            degeneracy = np.array(numbers[2:2 + n_cell], float)
            block = numbers[2 + n_cell:]
            per_cell = n_orbital**2
            if has_vectors:
                # R, and then a line "a b re im" for every element
                size = 3 + 4 * per_cell
                table = np.array(block[:n_cell * size], float).reshape(n_cell, size)
                cells, rows = table[:, :3], table[:, 3:].reshape(n_cell, per_cell, 4)
            else:
                table = np.array(block[:n_cell * per_cell * 7], float)
                table = table.reshape(n_cell, per_cell, 7)
                cells, rows = table[:, 0, :3], table[:, :, 3:]
        except (ValueError, IndexError):
            raise Error(f"{path}: error: neither a SEED_tb.dat nor a SEED_hr.dat") from None
        hoppings = np.zeros((n_cell, n_orbital, n_orbital), complex)
        a, b = rows[..., 0].astype(int) - 1, rows[..., 1].astype(int) - 1
        hoppings[np.arange(n_cell)[:, None], a, b] = rows[..., 2] + 1j * rows[..., 3]
        hoppings /= degeneracy[:, None, None]
        home = np.flatnonzero(np.all(cells == 0, axis=1))
        hoppings[home] -= fermi_energy * np.eye(n_orbital)
        if vectors is None:
            if lattice_vectors is None:
                raise Error(f"{path}: error: a SEED_hr.dat has no lattice vectors: give them "
                            "with --lattice-vectors (nine numbers in angstrom: x y z of the first, "
                            "of the second and of the third vector)", USAGE_ERROR)
            vectors = np.asarray(lattice_vectors, float)
        return cls(vectors, cells.astype(int), hoppings, Path(path).name)

    @classmethod
    def from_result(cls, result):
        """Makes the hoppings from the energies and eigenvectors of a lattice model on its grid."""
        k = result.read("/grid/k").values
        if not is_zone(k):
            raise Error(f"{result.path}: error: a k.p model has no hoppings", USAGE_ERROR)
        energy, vector = result.read("/model/energy"), result.read("/model/eigenvector").values
        h = np.einsum("...an,...n,...bn->...ab", vector, energy.values, vector.conj())
        n = np.array(k.shape[:-1])
        axes = tuple(range(n.size))
        # k = sum_i (j_i/n_i) b_i: <0|H|R> = (1/N) sum_k exp(-i k.R) H(k)
        hoppings = np.fft.fftn(h, axes=axes) / n.prod()
        cells = np.moveaxis(np.indices(n), 0, -1)
        for axis in axes:
            # From 0 ... n - 1 to -n/2 ... n/2, of which the two ends share what is at n/2.
            half = n[axis] // 2
            hoppings, cells = np.roll(hoppings, half, axis), np.roll(cells, half, axis)
            cells[..., axis] = (cells[..., axis] + half) % n[axis] - half
            if n[axis] % 2 == 0:
                rim = (slice(None),) * axis + (slice(0, 1),)
                hoppings[rim] /= 2
                far = cells[rim].copy()
                far[..., axis] += n[axis]
                hoppings = np.concatenate([hoppings, hoppings[rim]], axis)
                cells = np.concatenate([cells, far], axis)
        size = np.abs(hoppings).max(axis=(-2, -1))
        rim = np.any((np.abs(cells) == n // 2) & (n > 1), axis=-1)
        if nan_max(size[rim]) > RIM_LIMIT * nan_max(size):
            warnings.warn(f"{result.path}: warning: hoppings reach the rim of the grid of k (there "
                          f"{nan_max(size[rim]):.2g}, at most {nan_max(size):.2g}): between its "
                          "points the bands are uncertain; raise grid.k", ResultWarning, stacklevel=2)
        if n.min() < 2:
            raise Error(f"{result.path}: error: a grid of {' x '.join(map(str, n))} points does "
                        "not tell the hoppings (expected two or more along each axis)")
        edges = np.array([np.moveaxis(k, i, 0)[1].reshape(-1, n.size)[0] * n[i] for i in axes])
        vectors = 2 * np.pi * np.linalg.inv(edges).T
        n_band = h.shape[-1]
        return cls(vectors, cells.reshape(-1, n.size), hoppings.reshape(-1, n_band, n_band),
                   result.title, energy.unit)

    @property
    def reciprocal(self):
        """Rows, with vectors[i] . reciprocal[j] = 2 pi delta_ij."""
        return 2 * np.pi * np.linalg.inv(self.vectors).T

    def hamiltonian(self, fraction):
        """H [..., orbital, orbital] at k = sum_i fraction_i b_i, from fraction [..., dimension]."""
        phase = np.exp(2j * np.pi * np.asarray(fraction, float) @ self.cells.T)
        h = np.tensordot(phase, self.hoppings, axes=1)
        return (h + np.swapaxes(h.conj(), -1, -2)) / 2

    def energy(self, fraction):
        """Band energies [..., band] in increasing order."""
        return np.linalg.eigvalsh(self.hamiltonian(fraction))

    def default_path(self):
        """Labels and fractions of the usual points of a chain, a square, a hexagonal or an fcc lattice; for
        another lattice straight through the zone along one reciprocal lattice vector after the other.
        Directions without dispersion are left out."""
        b = self.reciprocal
        n_dim = len(b)
        active = self.dispersing()
        names, points = ["G"], [np.zeros(n_dim)]
        length = np.linalg.norm(b[active], axis=1)
        is_plane = active.size == 2 and bool(np.isclose(length[0], length[1]))
        cosine = b[active[0]] @ b[active[1]] / (length[0] * length[1]) if is_plane else None
        if active.size == 1:
            end = "X" if n_dim == 1 else f"b{active[0] + 1}/2"
            names, points = ["−" + end, "G", end], np.outer([-0.5, 0, 0.5], np.eye(n_dim)[active[0]])
        elif is_plane and np.isclose(abs(cosine), 0.5):
            corner = [1 / 3, 1 / 3] if cosine > 0 else [2 / 3, 1 / 3]
            names, points = ["G", "K", "M", "G"], [[0, 0], corner, [0.5, 0], [0, 0]] @ np.eye(n_dim)[active]
        elif is_plane and abs(cosine) < 1e-9:
            names, points = ["G", "X", "M", "G"], [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0]] @ np.eye(n_dim)[active]
        elif active.size == 3 and self.is_face_centered():
            edge = 2 * np.abs(self.vectors).max()
            names = ["L", "G", "X", "W", "K", "G"]
            cartesian = np.array([[0.5, 0.5, 0.5], [0, 0, 0], [1, 0, 0], [1, 0.5, 0],
                                  [0.75, 0.75, 0], [0, 0, 0]]) * 2 * np.pi / edge
            points = cartesian @ self.vectors.T / (2 * np.pi)
        else:
            # Behind b/2 the path goes on to the next Gamma: k and -k need not be alike.
            for i in active:
                names += [f"b{i + 1}/2", "G"]
                points += [points[-1] + 0.5 * np.eye(n_dim)[i], points[-1] + np.eye(n_dim)[i]]
        return list(zip(names, np.asarray(points, float)))

    def dispersing(self):
        """Indices of the reciprocal lattice vectors along which the bands change; all where none do."""
        size = np.abs(self.hoppings).max(axis=(-2, -1))
        size[np.all(self.cells == 0, axis=1)] = 0
        found = [i for i in range(len(self.vectors))
                 if nan_max(size[self.cells[:, i] != 0]) > FLAT * nan_max(size)]
        return np.array(found or range(len(self.vectors)))

    def is_face_centered(self):
        """True for (0, a/2, a/2) and the like along the Cartesian axes."""
        size = np.abs(self.vectors)
        return bool(np.all(np.isclose(size, 0, atol=1e-6 * size.max())
                           | np.isclose(size, size.max()))
                    and np.all(np.isclose(size, size.max()).sum(axis=1) == 2))

    def along(self, path=None, points=300):
        """Energies along a path of (label, fractions), as a DataArray [point, band].

        The coordinate `distance` is the length of the path, the attributes `ticks` and `labels` say
        where its points are; about `points` are computed.
        """
        path = self.default_path() if path is None else path
        if len(path) < 2:
            raise Error("error: a path needs two points", USAGE_ERROR)
        for name, fraction in path:
            if np.shape(fraction) != (len(self.vectors),):
                raise Error(f"error: point {name} of the path has {np.size(fraction)} numbers "
                            f"(expected {len(self.vectors)})", USAGE_ERROR)
        corners = np.array([fraction for _, fraction in path], float)
        lengths = np.linalg.norm(np.diff(corners, axis=0) @ self.reciprocal, axis=1)
        if nan_max(lengths) == 0:
            raise Error("error: all points of the path are the same", USAGE_ERROR)
        ticks = np.concatenate([[0], np.cumsum(lengths)])
        counts = np.maximum(1, np.round(points * lengths / lengths.sum()).astype(int))
        distance = np.concatenate([np.linspace(ticks[i], ticks[i + 1], count, endpoint=False)
                                   for i, count in enumerate(counts)] + [ticks[-1:]])
        fraction = np.array([np.interp(distance, ticks, corners[:, i])
                             for i in range(corners.shape[1])]).T
        return band_array(distance, self.energy(fraction), self.unit, ticks,
                          [name for name, _ in path], "1/angstrom", self.title)


def band_array(distance, energy, unit, ticks, labels, distance_unit, title):
    return xarray.DataArray(
        energy, dims=("point", "band"), name="energy",
        coords={"distance": ("point", distance, {"units": distance_unit})},
        attrs={"units": unit, "long_name": "band energy", "ticks": ticks, "labels": labels,
               "title": title})


def is_zone(k):
    """Grids over a Brillouin zone begin at k = 0, those of a box at its lower corner."""
    return nan_max(k.reshape(-1, k.shape[-1])[0]) <= 1e-12 * nan_max(k)


def along_axes(result):
    """Energies of a k.p model on the lines of its grid through k = 0, as `Bands.along`."""
    k, energy = result.read("/grid/k"), result.read("/model/energy")
    n = k.values.shape[:-1]
    middle = [int(np.argmin(np.abs(np.moveaxis(k.values[..., i], i, 0).reshape(n[i], -1)[:, 0])))
              for i in range(len(n))]
    distance, levels, ticks, labels = [], [], [0.0], []
    for i in range(len(n)):
        line = tuple(slice(None) if j == i else middle[j] for j in range(len(n)))
        x = k.values[line][:, i]
        start = ticks[-1] - x[0]
        distance.append(start + x)
        levels.append(energy.values[line])
        # The end of one axis is where the next one starts.
        labels[-1:] = [f"{labels[-1]} | $-k_{'xyz'[i]}$" if labels else f"$-k_{'xyz'[i]}$"]
        labels += ["G", f"$k_{'xyz'[i]}$"]
        ticks = ticks[:-1] + [start + x[0], start, start + x[-1]]
    return band_array(np.concatenate(distance), np.concatenate(levels), energy.unit,
                      np.array(ticks), labels, k.unit, result.title)


def band_path(source, path=None, points=300, **options):
    """Band energies along a path, from a scenario (path or dictionary), a result (path or Result) or
    a file of Wannier90; see `Bands.along`. `options` go to Bands.from_wannier90."""
    if not isinstance(source, (dict, Result)):
        name = str(source)
        if name.endswith(".dat"):
            return Bands.from_wannier90(name, **options).along(path, points)
        if name.endswith((".h5", ".hdf5")):
            source = Result(name)
    if options:
        raise Error(f"error: {', '.join(options)}: only for files of Wannier90", USAGE_ERROR)
    result = source if isinstance(source, Result) else computed(source)
    if is_zone(result.read("/grid/k").values):
        return Bands.from_result(result).along(path, points)
    if path is not None:
        raise Error("error: a path through a k.p model: it is drawn along its axes", USAGE_ERROR)
    return along_axes(result)


def computed(scenario):
    """A result that holds nothing but the model of a scenario, on a grid of its own."""
    wanted = resolve(scenario)
    n_dim = len(wanted["grid"]["k"])
    natural = wanted.get("units") == "natural"
    is_box = "k_max" in wanted["model"]
    return run({
        "title": wanted.get("title", ""), "units": wanted["units"],
        "model": wanted["model"], "grid": {"k": (BOX_GRID if is_box else LATTICE_GRID)[n_dim]},
        "initial": {"kind": "equilibrium", "temperature": 0 if natural else "0 K",
                    "chemical_potential": 0 if natural else "0 eV"},
        "propagation": {"duration": 1e-6 if natural else "1e-6 fs"}})


def describe_bands(bands, window=None):
    """Lines about the bands of `band_path`, counted from 0: their ranges and gaps and which of them a window holds."""
    unit = "" if bands.units == "1" else f" {bands.units}"
    energy = bands.values
    low, high = energy.min(axis=0), energy.max(axis=0)
    for n in range(energy.shape[1]):
        text = f"band {n}: {low[n]:.4f} to {high[n]:.4f}{unit}"
        if window is not None:
            inside = (energy[:, n] >= window[0]) & (energy[:, n] <= window[1])
            text += (", in the window" if inside.all() else
                     ", partly in the window" if inside.any() else ", outside")
        yield text
    for n in range(energy.shape[1] - 1):
        if low[n + 1] > high[n]:
            direct = (energy[:, n + 1] - energy[:, n]).min()
            yield (f"gap above band {n}: {low[n + 1] - high[n]:.4f}{unit}, direct "
                   f"{direct:.4f}{unit}, along this path")


@styled
def plot_bands(bands, window=None, title=None):
    """Draws what `band_path` returns; an energy window (low, high) is shaded."""
    figure, axes = plt.subplots(figsize=(5.6, 4.0))
    distance = bands.distance.values
    if window is not None:
        axes.axhspan(*window, color="#E8EEF4", zorder=0, linewidth=0)
    axes.axhline(0, color="#7F7F7F", linewidth=0.7, linestyle="--")
    # Where the path jumps, along the axes of a box, the curve is broken.
    jumps = np.flatnonzero(np.diff(distance) < 1e-12 * distance[-1]) + 1
    for x, energy in zip(np.split(distance, jumps), np.split(bands.values, jumps)):
        axes.plot(x, energy, color=COLORS[0], linewidth=1.2)
    for tick in bands.ticks:
        axes.axvline(tick, color="#BDBDBD", linewidth=0.7, zorder=0)
    axes.set_xticks(bands.ticks, [label.replace("G", "Γ") for label in bands.labels])
    axes.set_xlim(distance[0], distance[-1])
    axes.set_ylabel(axis_label("energy", bands.units))
    heading = bands.title if title is None else title
    if heading:
        figure.suptitle("\n".join(textwrap.wrap(escape(heading), 66)))
    return figure
