#!/usr/bin/python3
"""Checks of scripts/plot, scripts/spectrum, scripts/phase_space, scripts/setup and scripts/format.

The results that the scripts read are made here, in the layout of keldrift's result files, so that
nothing but the scripts is checked. With --keep FOLDER the figures stay there to be looked at.
"""

import argparse
import contextlib
import csv
import importlib.machinery
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
from scipy.signal import lfilter

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SCRIPTS))

import keldrift  # noqa: E402  (needs the path above)
import xarray  # noqa: E402
from keldrift import figures, overview  # noqa: E402
from keldrift.result import check_target  # noqa: E402
from matplotlib import image as bitmap  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axis import Axis  # noqa: E402

HBAR = 0.6582119569
FOLDER = None  # where the checks write, set at the start


def write(path, title, time, traces, k=None, snapshots=None, natural=False, model=None,
          extra_scenario=""):
    """A result file; `traces` and `snapshots` hold name: (values, unit, names of the axes)."""
    with h5py.File(path, "w") as f:
        f.attrs["format_version"] = 1
        f["scenario"] = (f"title: {title}\nunits: {'natural' if natural else 'eV-fs-angstrom'}\n"
                         + extra_scenario)

        def add(group, name, values, unit, dims, attributes=None):
            g = f.require_group(group)
            data = g.create_dataset(name, data=values)
            data.attrs["units"] = "1" if natural else unit
            data.attrs["long_name"] = name.replace("_", " ")
            for key, value in (attributes or {}).items():
                data.attrs[key] = value
            for axis, dim in enumerate(dims):
                if dim == name:
                    data.make_scale(dim)
                    continue
                if dim not in g:
                    g[dim] = np.arange(data.shape[axis], dtype=float)
                    g[dim].make_scale(dim)
                data.dims[axis].attach_scale(g[dim])

        add("traces", "time", time, "fs", ("time",))
        for name, entry in traces.items():
            add("traces", name, *entry)
        if k is not None:
            add("grid", "k", k, "angstrom-1",
                tuple(f"k{i + 1}" for i in range(k.ndim - 1)) + ("axis",))
        if snapshots is not None:
            snapshot_time = snapshots.pop("time")
            add("snapshots", "time", snapshot_time, "fs", ("time",))
            for name, entry in snapshots.items():
                add("snapshots", name, *entry)
        if model is not None:
            add("model", "energy", model, "eV",
                tuple(f"k{i + 1}" for i in range(model.ndim - 1)) + ("band",))


def pulse(time, amplitude, center, fwhm, omega=0.0):
    return (amplitude * np.exp(-4 * np.log(2) * ((time - center) / fwhm)**2)
            * np.cos(omega * (time - center)))


def smooth_step(time, center, width):
    return 0.5 * (1 + np.tanh((time - center) / width))


def common_traces(time, e, population, coherence, current, inter, energy, work, kicks=None,
                  si=(1.0, "S")):
    d = e.shape[1]
    attributes = {}
    if kicks is not None:
        attributes = {"kick_time": np.array([t for t, _ in kicks], float),
                      "kick_impulse": np.array([p for _, p in kicks], float).ravel()}
    unit = "e angstrom/fs"
    si = {"si_factor": si[0], "si_unit": si[1]}
    assert current.shape == inter.shape == e.shape == (time.size, d)
    return {
        "field": (e, "V/angstrom", ("time", "axis"), attributes),
        "population": (population, "1", ("time", "band")),
        "coherence": (coherence, "1", ("time", "band", "band_2")),
        "current": (current, unit, ("time", "axis"), si),
        "current_intra": (current - inter, unit, ("time", "axis"), si),
        "current_inter": (inter, unit, ("time", "axis"), si),
        "energy": (energy, "eV", ("time",)),
        "work": (work, "eV", ("time",)),
        "number": (np.ones_like(time), "1", ("time",)),
    }


def symmetric(time, n_band, sizes):
    c = np.zeros((time.size, n_band, n_band))
    pairs = [(n, m) for n in range(n_band) for m in range(n + 1, n_band)]
    for number, (n, m) in enumerate(pairs):
        c[:, n, m] = c[:, m, n] = sizes(number)
    return c


def one_dimensional(path, n_frame=301, with_snapshots=True, natural=False, n_snapshot=31):
    """Two bands, a pulse, no collisions."""
    time = np.linspace(0, 300, n_frame)
    e = pulse(time, 0.1, 60, 25, 0.06)[:, None]
    p2 = 0.28 * smooth_step(time, 60, 12) + 0.01 * np.sin(0.3 * time) * smooth_step(time, 60, 9)
    traces = common_traces(
        time, e, np.stack([1 - p2, p2], axis=1),
        symmetric(time, 2, lambda _: 0.3 * smooth_step(time, 60, 12) * (1 + 0.2 * np.sin(time))),
        0.5 * e - 0.02 * np.sin(0.4 * time)[:, None] * smooth_step(time, 60, 12)[:, None],
        0.2 * e, -0.9 + 0.05 * p2, 0.05 * p2)
    n_k = 128
    k = (np.arange(n_k) * 2 * np.pi / 3.0 / n_k)[:, None]
    snapshots = None
    if with_snapshots:
        at = np.linspace(0, 300, n_snapshot)
        shape = np.exp(-((k[:, 0] - np.pi / 3.0) / 0.25)**2)
        q2 = 0.9 * smooth_step(at, 60, 12)[:, None] * shape
        snapshots = {"time": at, "population_k": (np.stack([1 - q2, q2], axis=2), "1",
                                                  ("time", "k1", "band"))}
    write(path, '"Zener tunneling in a dimerized chain"', time, traces, k, snapshots,
          natural=natural)


def hexagonal(path):
    """Two bands of a honeycomb lattice after a kick in the plane, small changes."""
    time = np.linspace(0, 100, 501)
    a = 2.46
    b = 2 * np.pi / a * np.array([[1, -1 / np.sqrt(3)], [0, 2 / np.sqrt(3)]])
    n = 48
    j = np.arange(n) / n
    k = j[:, None, None] * b[0] + j[None, :, None] * b[1]
    a1, a2 = a * np.array([1, 0]), a * np.array([0.5, np.sqrt(3) / 2])
    h = 2.7 * np.abs(1 + np.exp(-1j * k @ a1) + np.exp(-1j * k @ a2))
    decay = np.exp(-time / 30)
    e = np.zeros((time.size, 2))
    current = 1e-4 * np.stack([decay * np.cos(0.5 * time), 0.3 * decay * np.sin(0.5 * time)], 1)
    current[0] = 0
    p2 = 3e-5 * (1 - decay)
    q2 = 1e-3 * np.exp(-(h / 1.5)**2) * (1 + 0.5 * np.sin(k @ a1))
    start = np.stack([np.ones((n, n)), np.zeros((n, n))], axis=2)
    end = np.stack([1 - q2, q2], axis=2)
    traces = common_traces(time, e, np.stack([0.998 - p2, 0.002 + p2], 1),
                           symmetric(time, 2, lambda _: 4e-5 * decay), current, 0.6 * current,
                           -3.1 + 2e-7 * (1 - decay), np.full_like(time, 2.4e-7),
                           kicks=[(0.0, (0.01, 0.004, 0))])
    write(path, "Graphene after a kick, 300 K  # with disorder", time, traces, k,
          {"time": np.array([0.0, 100.0]),
           "population_k": (np.stack([start, end]), "1", ("time", "k1", "k2", "band"))},
          model=np.stack([-h, h], axis=2))


def eight_bands(path):
    """Eight bands on a face-centered cubic lattice, a field with two components."""
    time = np.linspace(0, 80, 400)
    n = 8
    b = 2 * np.pi / 5.43 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    j = np.indices((n, n, n)) / n
    k = np.moveaxis(np.tensordot(b.T, j, axes=1), 0, -1)
    e = np.zeros((time.size, 3))
    e[:, 0] = pulse(time, 0.15, 30, 8, 2.4)
    e[:, 2] = pulse(time, 0.08, 30, 8, 2.4)
    grown = smooth_step(time, 30, 4)
    weights = np.array([-0.1, -0.2, -0.5, -0.9, 0.9, 0.5, 0.2, 0.1]) * 0.02
    population = np.repeat([1.0, 0.0], 4) + grown[:, None] * weights
    start = np.broadcast_to(np.repeat([1.0, 0.0], 4), (n, n, n, 8))
    shape = (1 + np.cos(k @ np.array([0, 5.43 / 2, 5.43 / 2]))
             + np.cos(k @ np.array([5.43 / 2, 0, 5.43 / 2])))[..., None]
    current = 0.5 * e + 0.01 * grown[:, None] * np.sin(3 * time)[:, None] * np.array([1, 0, 0.5])
    traces = common_traces(time, e, population,
                           symmetric(time, 8, lambda i: 0.03 * grown / (1 + i % 11)), current,
                           0.7 * current, -10 + 0.06 * grown, 0.06 * grown)
    write(path, "'Two-photon absorption in silicon, with a title that is so long that it has to "
          "be wrapped at some point'", time, traces, k,
          {"time": np.array([0.0, 40.0, 80.0]),
           "population_k": (np.stack([start, start + 0.3 * weights * shape,
                                      start + weights * shape]), "1",
                            ("time", "k1", "k2", "k3", "band"))})


def box(path):
    """A k.p model in two dimensions: no periodicity, one band, several kicks."""
    time = np.linspace(0, 50, 101)
    n = 40
    line = -0.2 + 0.4 * np.arange(n) / n
    k = np.stack(np.meshgrid(line, line, indexing="ij"), axis=2)
    start = np.exp(-np.sum(k**2, axis=2) / 0.003)[..., None]
    end = np.exp(-np.sum((k - [0.05, 0.0])**2, axis=2) / 0.003)[..., None]
    current = np.zeros((time.size, 2))
    current[:, 0] = smooth_step(time, 10, 1) - 0.4 * smooth_step(time, 30, 1)
    zero = np.zeros_like(current)
    traces = common_traces(time, zero, np.full((time.size, 1), 0.02),
                           np.zeros((time.size, 1, 1)), current, zero, 0.01 * current[:, 0],
                           0.01 * current[:, 0],
                           kicks=[(10.0 * i, ((-1)**i * 0.1 / i, 0, 0)) for i in range(1, 5)])
    write(path, "Kicked electrons", time, traces, k,
          {"time": np.array([0.0, 50.0]),
           "population_k": (np.stack([start, end]), "1", ("time", "k1", "k2", "band"))})


def wave_packet(path):
    """One band in one dimension with R resolved, natural units."""
    time = np.linspace(0, 40, 161)
    n_r, n_k = 96, 64
    r = -48.0 + np.arange(n_r)
    k = (2 * np.pi * np.arange(n_k) / n_k)[:, None]
    at = np.linspace(0, 40, 41)
    center = 12 * (np.cos(0.3 * at) - 1)
    density = np.exp(-(r - center[:, None])**2 / 18)
    drift = (0.3 * at + 1)[:, None] - k[:, 0] + np.pi
    shape = np.exp(-(np.mod(drift, 2 * np.pi) - np.pi)**2 / 0.1)
    population_k = density[:, :, None, None] * shape[:, None, :, None]
    e = np.full((time.size, 1), 0.3)
    current = -np.sin(0.3 * time)[:, None]
    traces = common_traces(time, e, np.full((time.size, 1), 0.015),
                           np.zeros((time.size, 1, 1)), current, 0 * current,
                           np.cos(0.3 * time), np.cos(0.3 * time) - 1)
    write(path, "Bloch oscillation", time, traces, k,
          {"time": at, "density": (density, "1", ("time", "r1")),
           "population_k": (population_k, "1", ("time", "r1", "k1", "band"))}, natural=True)
    with h5py.File(path, "a") as f:
        f["grid/r"] = r[:, None]
        f["grid/r"].attrs["units"] = "1"


def load(script):
    """A script without the extension .py as a module."""
    name = f"script_{script}"
    if name not in sys.modules:
        loader = importlib.machinery.SourceFileLoader(name, str(SCRIPTS / script))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
        sys.modules[name] = module
        loader.exec_module(module)
    return sys.modules[name]


def run(script, *arguments):
    """What a script does on these arguments, without the cost of starting Python anew."""
    module = load(script)
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with (mock.patch("sys.argv", [script, *map(str, arguments)]), contextlib.redirect_stdout(out),
          contextlib.redirect_stderr(err)):
        try:
            figures.run_script(module.main)
        except SystemExit as end:
            status = end.code
    return types.SimpleNamespace(returncode=status, stdout=out.getvalue(), stderr=err.getvalue())


def shell(script, *arguments, path=None):
    """Runs a script as a program; commands in the folder `path` come first."""
    environment = dict(os.environ)
    if path is not None:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    return subprocess.run([SCRIPTS / script, *arguments], text=True, capture_output=True,
                          timeout=120, env=environment)


def overlaps(figure):
    """Pairs of texts of a figure that cover each other, and texts that leave the figure."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    canvas = figure.bbox
    boxes = []
    undrawn = set()
    for axis in figure.findobj(Axis):
        low, high = sorted(axis.get_view_interval())
        margin = 1e-6 * (high - low)
        undrawn.update(label for tick in axis.get_major_ticks()
                       if not low - margin <= tick.get_loc() <= high + margin
                       for label in (tick.label1, tick.label2))
    for text in figure.findobj(plt.Text):
        if not text.get_visible() or not text.get_text().strip() or text in undrawn:
            continue
        extent = text.get_window_extent(renderer)
        if extent.width > 1 and extent.height > 1:
            boxes.append((text.get_text(), extent))
    found = [f"'{name}' leaves the figure" for name, extent in boxes
             if extent.x0 < canvas.x0 - 1 or extent.x1 > canvas.x1 + 1
             or extent.y0 < canvas.y0 - 1 or extent.y1 > canvas.y1 + 1]
    for i, (name, one) in enumerate(boxes):
        for other_name, other in boxes[i + 1:]:
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            if width > 1 and height > 2:
                found.append(f"'{name}' covers '{other_name}'")
    return found


def drude_lorentz(omega, strength, gamma, omega_0):
    """Transform of strength exp(-gamma t) cos(omega_0 t) for t > 0."""
    return strength / 2 * (1 / (gamma - 1j * (omega - omega_0))
                           + 1 / (gamma - 1j * (omega + omega_0)))


def read_csv(path):
    with open(path, encoding="utf-8") as rows:
        table = list(csv.reader(rows))
    return table[0], np.array(table[1:], float)


class WithFigures(unittest.TestCase):
    """Has no checks of its own."""

    def check_figure(self, stem, formats=("png",)):
        for name in formats:
            path = FOLDER / f"{stem}.{name}"
            self.assertTrue(path.exists(), f"{path.name} is missing")
            self.assertGreater(path.stat().st_size, 5000, f"{path.name} is too small")
        pixels = bitmap.imread(FOLDER / f"{stem}.png")[..., :3]
        inked = np.mean(np.any(pixels < 0.98, axis=2))
        # A figure of curves covers a few percent of its area, one with images up to a half.
        self.assertTrue(0.01 < inked < 0.7, f"{stem}.png: fraction with ink: got {inked:.4f}, "
                        "want 0.01 to 0.7")
        colors = np.count_nonzero(np.bincount(((pixels * 15).astype(int) @ [256, 16, 1]).ravel()))
        self.assertGreater(colors, 20, f"{stem}.png: only {colors} colors")
        self.assertEqual(list(FOLDER.glob("*.part.*")), [])


class PlotChecks(WithFigures):
    def check_plot(self, stem, make, formats=("png",), **arguments):
        path = FOLDER / f"{stem}.h5"
        make(path, **arguments)
        drawn = []

        def draw(*arguments, plot=keldrift.plot, **options):
            drawn.append(plot(*arguments, **options))
            return drawn[0]

        with mock.patch.object(keldrift, "plot", draw):
            done = run("plot", path.name, "--format", ",".join(formats))
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stderr)
        self.check_figure(stem, formats)
        figure = drawn[0]
        self.assertEqual(overlaps(figure), [])
        sizes = {text.get_fontsize() for text in figure.findobj(plt.Text) if text.get_text()}
        self.assertGreaterEqual(min(sizes), 9, f"font sizes {sizes}")
        return figure

    def test_one_dimension(self):
        figure = self.check_plot("one_dimension", one_dimensional, formats=("png", "pdf"))
        labels = [axes.get_ylabel() for axes in figure.axes]
        self.assertIn("field\n(MV/cm)", labels)
        field = figure.axes[0].get_lines()[0].get_ydata()
        self.assertAlmostEqual(np.max(field), 10.0, 6, "0.1 V/angstrom is 10 MV/cm")
        # Gamma in the middle: the image reaches from -pi/a to pi/a.
        image = next(axes for axes in figure.axes if axes.get_title() == "band 0")
        self.assertAlmostEqual(image.get_xlim()[0], -np.pi / 3, delta=0.02)
        self.assertEqual(image.get_ylim(), (0.0, 300.0))
        # The electrons leave band 0 at the edge of the zone.
        final = image.collections[0].get_array().reshape(31, 128)[-1]
        self.assertLess(max(final[0], final[-1]), 0.15)
        self.assertGreater(final[64], 0.99)
        self.assertEqual(figure.get_suptitle() if hasattr(figure, "get_suptitle")
                         else figure._suptitle.get_text(), "Zener tunneling in a dimerized chain")

    def test_natural_units(self):
        figure = self.check_plot("natural", one_dimensional, natural=True)
        labels = [axes.get_ylabel() for axes in figure.axes]
        self.assertTrue({"field", "population", "current\nper cell"} <= set(labels), labels)
        self.assertIn("time", [axes.get_xlabel() for axes in figure.axes])

    def test_without_snapshots(self):
        figure = self.check_plot("no_snapshots", one_dimensional, with_snapshots=False)
        self.assertEqual(len(figure.axes), 5)

    def test_single_snapshot(self):
        figure = self.check_plot("single_snapshot", one_dimensional, n_snapshot=1)
        self.assertEqual(len(figure.axes), 5)

    def test_single_frame(self):
        self.check_plot("single_frame", one_dimensional, n_frame=1, with_snapshots=False)

    def test_two_dimensions(self):
        figure = self.check_plot("hexagonal", hexagonal)
        image = next(axes for axes in figure.axes if axes.get_title().startswith("band 0"))
        # The zone of a lattice with constant a reaches to K at 4 pi/(3 a).
        self.assertAlmostEqual(image.get_xlim()[1], 4 * np.pi / (3 * 2.46), 6)
        self.assertAlmostEqual(image.get_ylim()[1], 2 * np.pi / (np.sqrt(3) * 2.46), 6)
        legend = figure.axes[0].get_legend().get_texts()[0].get_text()
        self.assertEqual(legend, "kick of (0.01, 0.004) V fs/Å along (x, y)")
        labels = figure.axes[1].get_legend().get_texts()
        self.assertEqual([label.get_text() for label in labels],
                         ["band 0 (from 0.998)", "band 1 (from 0.002)"])

    def test_three_dimensions(self):
        figure = self.check_plot("eight_bands", eight_bands)
        self.assertIn("largest 6 of 28", [text.get_text() for text in figure.axes[2].texts])
        self.assertEqual(len(figure.axes[2].get_lines()), 6)
        titles = [axes.get_title() for axes in figure.axes]
        self.assertTrue(any(title.startswith("band 3") for title in titles), titles)
        self.assertTrue(any(title.startswith("band 4") for title in titles), titles)

    def test_plane_cells(self):
        """Every cell of the image lies where its k point is, up to a reciprocal lattice vector."""
        hexagonal(FOLDER / "cells.h5")
        with keldrift.Result(FOLDER / "cells.h5") as result:
            image = overview.snapshot_images(result)[1]
            k = result.read("/grid/k").values
            p = result.read("/snapshots/population_k").values
        x = (image.corner_x[1:, 1:] + image.corner_x[:-1, :-1]) / 2
        y = (image.corner_y[1:, 1:] + image.corner_y[:-1, :-1]) / 2
        for i, j in ((0, 0), (5, 7), (40, 3), (47, 47)):
            at = np.hypot(x - k[i, j, 0], y - k[i, j, 1]) < 1e-9
            self.assertEqual(at.sum(), 1, f"k point {i}, {j}")
            self.assertEqual(image.values[at][0], (p[1] - p[0])[i, j, 1])

    def test_box(self):
        figure = self.check_plot("box", box)
        image = next(axes for axes in figure.axes if axes.get_title().startswith("band 0"))
        self.assertAlmostEqual(image.get_xlim()[0], -0.205, 6)
        self.assertEqual([axes.get_ylabel().split("\n")[0] for axes in figure.axes[:3]],
                         ["field", "current per cell", "energy per cell"], "the number of one band is no panel")

    def test_few_panels(self):
        """A panel keeps its height beside or above the images, and no label leaves the page."""
        for make, n_image in ((eight_bands, 2), (box, 1)):
            make(FOLDER / "few.h5")
            with keldrift.Result(FOLDER / "few.h5") as result:
                figure = keldrift.plot(result, panels=["current"])
            self.addCleanup(plt.close, figure)
            self.assertEqual(overlaps(figure), [])
            self.assertEqual(sum("band" in axes.get_title() for axes in figure.axes), n_image)
            height = figure.axes[0].get_position().height * figure.get_figheight()
            self.assertLess(height, 2.5, make.__name__)

    def test_panels_that_say_something(self):
        """One band without a field: the errors of the integration are no physics."""
        path = FOLDER / "free.h5"
        wave_packet(path)
        with h5py.File(path, "a") as f:
            time = f["traces/time"][()]
            f["traces/field"][...] = 0
            f["traces/work"][...] = 0
            f["traces/energy"][...] = 0.145 - 4e-6 * np.exp(-(time - 20)**2)
        with keldrift.Result(path) as result:
            panels = {panel.name: panel for panel in overview.choose_panels(result)}
            self.assertEqual(list(panels), ["current", "energy"])
            self.assertEqual(len(panels["energy"].curves), 1)
            figure = keldrift.plot(result)
            wanted = overview.choose_panels(result, ["field", "population"])
        self.addCleanup(plt.close, figure)
        self.assertEqual([panel.name for panel in wanted], ["field", "population"])
        axes = next(axes for axes in figure.axes if axes.get_ylabel().startswith("energy"))
        # In units of 1e-6: at least a thousandth of the energy.
        self.assertAlmostEqual(np.ptp(axes.get_ylim()), 145, 3)

    def test_bands_at_the_gap(self):
        start = np.broadcast_to([1.0, 0.9, 0.2, 0.0], (6, 4))
        self.assertEqual(overview.bands_around_gap(start), [1, 2])
        for filled in (0.01, 1.0):
            self.assertEqual(overview.bands_around_gap(np.full((6, 3), filled)), [0, 1, 2])

    def test_wave_packet(self):
        self.check_plot("wave_packet", wave_packet)

    def test_bands_alike(self):
        """Band 1 fills from nothing, which shows; band 0 loses as little, which would not: both as changes."""
        path = FOLDER / "alike.h5"
        one_dimensional(path)
        with h5py.File(path, "a") as f:
            p = f["snapshots/population_k"][()]
            f["snapshots/population_k"][...] = p[0] + 0.1 * (p - p[0])
        with keldrift.Result(path) as result:
            images = overview.snapshot_images(result)
        self.assertEqual([(image.title, image.name) for image in images],
                         [("band 0", "population change"), ("band 1", "population change")])

    def test_incomplete(self):
        """The figure of a checkpoint says so, and so does the script."""
        path = FOLDER / "unfinished.chk.h5"
        one_dimensional(path, n_snapshot=3)
        with h5py.File(path, "a") as f:
            f.require_group("checkpoint").attrs.update({"time": 300.0, "duration": 900.0})
        with keldrift.Result(path) as result, self.assertWarns(keldrift.ResultWarning):
            figure = keldrift.plot(result)
        self.addCleanup(plt.close, figure)
        self.assertIn("INCOMPLETE: a checkpoint at 300 of 900 fs", figure._suptitle.get_text())
        self.assertEqual(overlaps(figure), [])
        for arguments in (("plot",), ("plot", "--trace", "current"), ("spectrum", "--harmonics")):
            done = run(arguments[0], path.name, *arguments[1:], "--format", "png", "--dpi", 50, "-o", "marked")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.count("warning: incomplete: a checkpoint at 300 of 900 fs"), 1, done.stderr)

    def test_formats_and_output(self):
        one_dimensional(FOLDER / "formats.h5", with_snapshots=False)
        # As a user does it, from the shell.
        done = shell("plot", "formats.h5", "-o", "renamed.png", "--format", "png", "--title",
                   "a $5 title with $", "--dpi", "60")
        self.assertEqual((done.returncode, done.stdout), (0, "wrote renamed.png\n"), done.stderr)
        self.assertFalse((FOLDER / "renamed.pdf").exists())


class TogetherChecks(WithFigures):
    """Several results, and the folder of a sweep, in one figure."""

    def sweep(self, name, amplitudes, gaps=(0.1,), failed=()):
        """A folder as `keldrift run --sweep` leaves it, whose currents are proportional to the amplitude."""
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        rows = []
        for amplitude in amplitudes:
            for gap in gaps:
                file = f"amplitude={amplitude:g}_MV_cm__gap={gap:g}_eV.h5"
                is_there = (amplitude, gap) not in failed
                if is_there:
                    one_dimensional(folder / file, n_frame=61, with_snapshots=False)
                    with h5py.File(folder / file, "a") as f:
                        f["traces/current"][...] *= amplitude
                        f["traces/field"][...] *= amplitude
                rows.append([len(rows), amplitude, gap, file if is_there else "", "done" if is_there else "failed",
                             0, 0, "", -0.9 * amplitude if is_there else "", 1])
        with open(folder / "index.csv", "w", newline="", encoding="utf-8") as out:
            table = csv.writer(out)
            table.writerow(["run", "field.0.amplitude [MV/cm]", "model.gap [eV]", "file", "state", "exit_status",
                            "warnings", "error", "energy [eV]", "population[1]"])
            table.writerows(rows)
        return folder

    def check(self, stem, *arguments, **options):
        figure = keldrift.plot_traces(*arguments, **options)
        self.addCleanup(plt.close, figure)
        self.assertEqual(overlaps(figure), [])
        figure.savefig(FOLDER / f"{stem}.png", dpi=80)
        return figure

    def test_sweep(self):
        folder = self.sweep("sweep_few", (1, 2, 4), (0.1, 0.2))
        figure = self.check("sweep_few", folder)
        axes = {a.get_ylabel().split("\n")[0]: a for a in figure.axes}
        self.assertEqual(list(axes), ["$E_x$", "population 1", "$|f_{01}|$", "$J_x$ per cell",
                                      "energy change per cell"])
        lines = axes["$J_x$ per cell"].get_lines()
        self.assertEqual(len(lines), 6)
        largest = [np.abs(line.get_ydata()).max() for line in lines]
        np.testing.assert_allclose(largest[2] / largest[0], 2)
        # The amplitude is the color, the gap the dashes.
        self.assertEqual(len({line.get_color() for line in lines}), 3)
        self.assertEqual([line.get_linestyle() for line in lines[:2]], ["-", "--"])
        self.assertEqual([text.get_text() for text in figure.axes[0].get_legend().get_texts()],
                         ["amplitude = 1 MV/cm", "2 MV/cm", "4 MV/cm", "gap = 0.1 eV", "gap = 0.2 eV"])

    def test_bar(self):
        """Many values: a bar of colors with the name and unit, logarithmic for equal ratios."""
        for values, scale in ((np.arange(1, 9), "linear"), (2.0**np.arange(8), "log")):
            figure = self.check(f"sweep_{scale}", self.sweep(f"sweep_{scale}", values), ["current"])
            self.assertEqual(len(figure.axes), 2)
            bar = figure.axes[1]
            self.assertEqual((bar.get_ylabel(), bar.get_yscale()), ("amplitude (MV/cm)", scale))

    def test_script(self):
        folder = self.sweep("sweep_script", (1, 2), failed=[(2, 0.1)])
        done = run("plot", folder.name, "--trace", "current", "--trace", "population[1]", "--format", "png")
        self.assertEqual((done.returncode, done.stdout), (0, "wrote sweep_script.png\n"), done.stderr)
        self.assertIn("1 of 2 runs have no result and are left out", done.stderr)
        one_dimensional(FOLDER / "first.h5", with_snapshots=False)
        one_dimensional(FOLDER / "second.h5", n_frame=101, with_snapshots=False)
        done = run("plot", "first.h5", "second.h5", "--format", "png")
        self.assertEqual((done.returncode, done.stdout), (0, "wrote first_and_others.png\n"), done.stderr)

    def test_mistakes(self):
        one_dimensional(FOLDER / "two.h5", with_snapshots=False)
        one_dimensional(FOLDER / "natural_two.h5", with_snapshots=False, natural=True)
        eight_bands(FOLDER / "eight.h5")
        (FOLDER / "no_sweep").mkdir(exist_ok=True)
        self.sweep("sweep_alone", (1,))
        for arguments, status, words in (
                (("two.h5", "--trace", "spin"), 2, "two.h5: error: there is no trace spin (there are: coherence, "),
                (("two.h5", "--trace", "population[5]"), 2, "population has 2 components, counted from 0"),
                (("two.h5", "--trace", "a b"), 2, "expected NAME or, for a component, NAME[0]"),
                (("two.h5", "eight.h5", "--trace", "population"), 2,
                 "eight.h5: error: population has 8 components, but 2 components in two.h5: name a component"),
                (("two.h5", "natural_two.h5"), 2, "the unit of time is 1, but fs in two.h5"),
                (("two.h5", "sweep_alone"), 2, "a sweep is drawn alone"),
                (("no_sweep",), 3, "no_sweep: error: is a directory, but not of a sweep, which has an index.csv"),
                (("two.h5", "--trace", "current", "--detail", "0", "0", "1"), 2, "--detail: not with")):
            with self.subTest(arguments=arguments):
                done = run("plot", *arguments, "-o", "wrong")
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        done = run("plot", "two.h5", "eight.h5", "-o", "both", "--format", "png", "--dpi", "50")
        self.assertEqual(done.returncode, 0)
        self.assertIn("population has 8 components, but 2 components in two.h5", done.stderr)

    def test_values(self):
        """What a sweep holds, with the swept values as coordinates; NaN where a run failed."""
        sweep = keldrift.Sweep(self.sweep("sweep_values", (1, 2, 3), (0.1, 0.2), failed=[(2, 0.2)]))
        self.assertEqual(len(sweep), 6)
        self.assertEqual(sweep.parameters["amplitude"], ("field.0.amplitude", "MV/cm", [1, 2, 3]))
        current = sweep.traces.current
        self.assertEqual(current.dims, ("amplitude", "gap", "time", "axis"))
        self.assertEqual(current.amplitude.units, "MV/cm")
        np.testing.assert_allclose(current.sel(amplitude=3, gap=0.1), 3 * current.sel(amplitude=1, gap=0.1))
        self.assertTrue(np.isnan(current.sel(amplitude=2, gap=0.2)).all())
        self.assertEqual(int(np.isnan(sweep.traces.energy).sum()), 61)
        np.testing.assert_allclose(sweep.index.energy.sel(gap=0.1), [-0.9, -1.8, -2.7])
        self.assertEqual((sweep.index.energy.units, sweep.index["population[1]"].units), ("eV", "1"))
        self.assertEqual([values["amplitude"] for values, _ in sweep], [1, 1, 2, 3, 3])
        with h5py.File(sweep.members[-1].path, "a") as f:
            del f["traces/coherence"]
        with self.assertWarnsRegex(keldrift.ResultWarning, "coherence, band_2 of /traces differ from run to run; left out: "
                                   "coherence"):
            self.assertNotIn("coherence", keldrift.Sweep(sweep.path).traces)
        folder = self.sweep("sweep_lengths", (1, 2))
        one_dimensional(folder / "amplitude=2_MV_cm__gap=0.1_eV.h5", n_frame=31, with_snapshots=False)
        with self.assertRaisesRegex(keldrift.Error, "differ from run to run: take the runs one by one"):
            keldrift.Sweep(folder).traces  # pylint: disable=expression-not-assigned
        with self.assertRaisesRegex(keldrift.Error, "index.csv: error: cannot be read: No such file"):
            keldrift.Sweep(FOLDER)


class PhaseSpaceChecks(WithFigures):
    """A packet that moves to the right, at three times."""

    def make(self, stem, potential=""):
        path = FOLDER / f"{stem}.h5"
        time, r = np.array([0.0, 5.0, 10.0]), np.linspace(-40, 40, 48, endpoint=False)
        k = np.linspace(-0.5, 0.5, 40, endpoint=False)
        x = (r[None, :] + 20 - 4 * time[:, None]) / 6
        f = np.exp(-0.5 * x[:, :, None]**2 - 0.5 * ((k - 0.1) / 0.08)**2)
        write(path, "A packet", time, {}, k=k[:, None], extra_scenario=potential, snapshots={
            "time": time,
            "population_k": (f[..., None], "1", ("time", "x", "k1", "band")),
            "density": (f.mean(axis=2), "1/angstrom", ("time", "x")),
            "momentum_density": (f.mean(axis=1), "angstrom", ("time", "k1"))})
        with h5py.File(path, "a") as file:
            file["grid/r"] = r[:, None]
            file["grid/r"].attrs["units"] = "angstrom"
        return path

    def test_potential(self):
        """U(R) of the scenario against closed forms, and its line in the figure."""
        from keldrift.potential import Potential
        r = np.linspace(-40, 40, 48, endpoint=False)
        n = np.exp(-0.5 * (r / 5)**2)
        for term, want in (
                ("kind: harmonic, stiffness: 0.02 eV/angstrom^2, center: [3 angstrom]", 0.01 * (r - 3)**2),
                ("kind: gaussian, height: -0.3 eV, width: 7 angstrom", -0.3 * np.exp(-r**2 / 98)),
                ("kind: periodic, amplitude: 2 eV, period: 20 angstrom, phase: 0.5, position: 1 angstrom, axis: 0",
                 2 * np.cos(2 * np.pi * (r - 1) / 20 + 0.5)),
                ("kind: expression, expression: '0.1*x^2*exp(-abs(x)/3) + (x > 5 ? 2 : 0)'",
                 0.1 * r**2 * np.exp(-np.abs(r) / 3)),
                ("kind: expression, expression: 'x > 5 ? 2 : -x^2', modulation: 'cos(t)'",
                 np.where(r > 5, 2.0, -r**2) * np.cos(5.0))):
            path = self.make("potential", f"potential:\n  - {{{term}}}\n")
            with keldrift.Result(path) as result:
                potential = Potential(result)
                if "> 5" in term and "modulation" not in term:
                    self.assertFalse(potential.is_known, "a condition inside of a sum is not understood")
                    continue
                np.testing.assert_allclose(potential.at(5.0, n), want, atol=1e-12, err_msg=term)
        # Two barriers of smooth edges: 1 inside, 1/2 at the edges of each.
        term = ("kind: double_barrier, height: 1 eV, width: 10 angstrom, edge: 0.5 angstrom, separation: 30 angstrom, "
                "position: 0 angstrom, axis: 0")
        path = self.make("potential", f"potential:\n  - {{{term}}}\n")
        with keldrift.Result(path) as result:
            u = Potential(result).at(0, n)
            np.testing.assert_allclose(u[np.searchsorted(r, [-15, -10, 0, 10, 15])], [1, 0.5, 0, 0.5, 1], atol=1e-12)
            figure = keldrift.plot_phase_space(result)
        self.addCleanup(plt.close, figure)
        self.assertEqual(overlaps(figure), [])
        figure.savefig(FOLDER / "phase_space_potential.png")
        labels = [axes.get_ylabel() for axes in figure.findobj(plt.Axes)]
        self.assertEqual(labels.count("$U(R)$\n(eV)"), 3)
        # -U'' = (e^2/epsilon_0 A) (n - mean): the second difference of the Fourier solution.
        path = self.make("potential", "potential:\n  - {kind: hartree, permittivity: 2, cross_section: 50 angstrom^2}\n")
        with keldrift.Result(path) as result:
            u = Potential(result).at(0, n)
        step = r[1] - r[0]
        got = -(np.roll(u, 1) - 2 * u + np.roll(u, -1)) / step**2
        want = 180.9513 / (2 * 50) * (n - n.mean())
        # Of second order: (q step)^2/12 with q of 1/(5 angstrom).
        self.assertLess(np.abs(got - want).max() / np.abs(want).max(), 0.03)
        self.assertAlmostEqual(u.mean(), 0, 12)

    def test_picture_and_movie(self):
        path = self.make("phase_space")
        done = run("phase_space", path, "-o", "phase_space", "--format", "png", "--movie",
                   "phase_space.gif")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_figure("phase_space")
        from PIL import Image
        with Image.open(FOLDER / "phase_space.gif") as movie:
            self.assertEqual(movie.n_frames, 3)

    def test_mistakes(self):
        path = self.make("phase_space_mistakes")
        for arguments in (["--band", "5"], ["--snapshots", "99"], ["--snapshots", "x"],
                          ["--r", "3", "1"], ["--limit", "0"], ["--movie", "x.avi"]):
            with self.subTest(arguments=arguments):
                done = run("phase_space", path, "-o", "wrong", *arguments)
                self.assertEqual(done.returncode, 2, f"{arguments}: {done.stderr}")
                self.assertFalse((FOLDER / "wrong.png").exists())
        homogeneous = FOLDER / "homogeneous.h5"
        one_dimensional(homogeneous, n_frame=11, n_snapshot=3)
        done = run("phase_space", homogeneous, "-o", "wrong")
        self.assertEqual(done.returncode, 3)
        self.assertIn("there is no R grid (grid.r): use scripts/plot", done.stderr)


class LoaderChecks(unittest.TestCase):
    def test_title(self):
        for text, want in (("title: A chain\nunits: natural\n", "A chain"),
                           ("a: 1\ntitle: 'It''s # one'  # two\n", "It's # one"),
                           ('title: "say \\"x\\""\n', 'say "x"'),
                           ("title: >-\n  folded\n  over lines\nb: 2\n", "folded over lines"),
                           ("title: plain # comment\n", "plain"),
                           ("title: C# or #1\n", "C# or"),
                           ("title:\nunits: natural\n", "title"), ("units: natural\n", "title"),
                           ("model:\n  title: nested\n", "title")):
            path = FOLDER / "title.h5"
            with h5py.File(path, "w") as f:
                f["scenario"] = text
            with keldrift.Result(path) as result:
                self.assertEqual(result.title, want, repr(text))

    def test_units(self):
        for unit, want in (("1", ""), ("fs", "fs"), ("e angstrom/fs", "e Å/fs"),
                           ("angstrom-1", "Å$^{-1}$"), ("1/angstrom", "Å$^{-1}$"),
                           ("angstrom^-2", "Å$^{-2}$"), ("e.angstrom.fs-1", "e Å fs$^{-1}$"),
                           ("V/angstrom", "V/Å")):
            self.assertEqual(figures.pretty_unit(unit), want, unit)

    def test_quantity(self):
        path = FOLDER / "quantity.h5"
        one_dimensional(path)
        with keldrift.Result(path) as result:
            coherence = result.read("/traces/coherence")
            self.assertEqual(coherence.dims, ("time", "band", "band_2"))
            self.assertEqual((coherence.unit, coherence.long_name), ("1", "coherence"))
            self.assertEqual(result.read("/snapshots/population_k", (0, slice(3))).values.shape,
                             (3, 2))
            self.assertAlmostEqual(result.hbar, HBAR, 12)

    def test_hbar(self):
        path = FOLDER / "hbar.h5"
        time = np.linspace(0, 1, 5)
        write(path, "x", time, {"energy": (time, "eV", ("time",))}, natural=True,
              extra_scenario="hbar: 0.25\n")
        with keldrift.Result(path) as result:
            self.assertEqual(result.hbar, 0.25)

    def test_errors(self):
        (FOLDER / "text.h5").write_text("not HDF5")
        with h5py.File(FOLDER / "other.h5", "w") as f:
            f["x"] = 1.0
        one_dimensional(FOLDER / "good.h5", with_snapshots=False)
        for arguments, status, words in (
                (("plot", "absent.h5"), 3, "absent.h5: error: no such file"),
                (("plot", "text.h5"), 3, "text.h5: error: cannot be read: not an HDF5 file"),
                (("plot", "."), 3, "is a directory"),
                (("plot", "other.h5"), 3, "no dataset /traces/time"),
                (("plot", "good.h5", "-o", "absent/figure"), 3, "No such file or directory"),
                (("plot", "good.h5", "--format", "gif"), 2, "unknown format 'gif'"),
                (("plot",), 2, "RESULT.h5"),
                (("spectrum", "absent.h5"), 3, "no such file"),
                (("spectrum", "good.h5", "--width", "-1"), 2, "--width"),
                (("spectrum", "good.h5", "--component", "xy"), 2, "no component in 1D"),
                (("spectrum", "good.h5", "--max-energy", "500"), 2, "frames resolve")):
            done = run(*arguments)
            self.assertEqual(done.returncode, status, f"{arguments}: {done.stderr}")
            self.assertIn(words, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            if status == 3:
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


class SpectrumChecks(WithFigures):
    # Lines at 1.6 eV and a Drude part, so that the current has two time scales.
    STRENGTH, GAMMA, OMEGA_0 = 0.7, 0.05, 1.6 / HBAR
    DRUDE, DRUDE_GAMMA = 0.4, 0.2
    FACTOR = 2.5e-5

    def response(self, time):
        return (self.STRENGTH * np.exp(-self.GAMMA * time) * np.cos(self.OMEGA_0 * time)
                + self.DRUDE * np.exp(-self.DRUDE_GAMMA * time))

    def want(self, energy, width):
        omega = energy / HBAR + 1j * width / HBAR
        return self.FACTOR * (drude_lorentz(omega, self.STRENGTH, self.GAMMA, self.OMEGA_0)
                              + drude_lorentz(omega, self.DRUDE, self.DRUDE_GAMMA, 0.0))

    def write_response(self, path, time, e, current, kicks=None, natural=False, extra="",
                       factor=FACTOR):
        zero = np.zeros_like(time)
        traces = common_traces(time, e, np.stack([zero + 1, zero], 1),
                               np.zeros((time.size, 2, 2)), current, 0 * current, zero, zero,
                               kicks=kicks, si=(factor, "1" if natural else "S"))
        write(path, "Drude and Lorentz", time, traces, natural=natural, extra_scenario=extra)

    def compare(self, name, got, want, tolerance):
        error = np.max(np.abs(got - want)) / np.max(np.abs(want))
        self.assertLess(error, tolerance, f"{name}: got {got[0]:.8g}, want {want[0]:.8g} at the "
                        f"first energy; largest error {error:.2e} of the maximum, tolerance "
                        f"{tolerance:g}")

    def spectrum(self, stem, *arguments):
        done = run("spectrum", f"{stem}.h5", "--csv", f"{stem}.csv", "--points", 301,
                   "--dpi", 60, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        header, rows = read_csv(FOLDER / f"{stem}.csv")
        self.assertGreater(rows.shape[0], 100)
        return done, header, rows

    def kicked(self, time, kick_times, impulses):
        """Current along x and a third of it along y; the frame at a kick lies before it."""
        j = np.zeros(time.size)
        for kick_time, impulse in zip(kick_times, impulses):
            after = time > kick_time + 1e-9
            j[after] += impulse * self.response(time[after] - kick_time)
        return 0.3 + np.stack([j, j / 3], axis=1)

    def test_kick(self):
        # omega_0 times the interval is 0.12. The cubic spline is off by about 0.12^4/384 = 5e-7 of
        # the oscillation. The parabola that gives the first value is off by up to 0.12^3 = 2e-3
        # with a weight of 0.4 intervals, 4e-5 fs against a peak of 4.4 fs: 8e-6.
        time = np.arange(0, 250.01, 0.05)
        for kick_time in (0.0, 10.0, 10.02):
            stem = f"kick_{kick_time:g}".replace(".", "_")
            self.write_response(FOLDER / f"{stem}.h5", time, np.zeros((time.size, 2)),
                                self.kicked(time, [kick_time], [1e-3]),
                                kicks=[(kick_time, (1e-3, 0, 0))])
            done, header, rows = self.spectrum(stem, "--width", 0.02, "--max-energy", 4,
                                               "--component", "xx,yx")
            self.assertEqual(done.stderr, "")
            self.assertEqual(header[:3], ["energy_eV", "re_sigma_xx_S", "im_sigma_xx_S"])
            want = self.want(rows[:, 0], 0.02)
            self.compare("xx", rows[:, 1] + 1j * rows[:, 2], want, 1e-5)
            self.compare("yx", rows[:, 5] + 1j * rows[:, 6], want / 3, 1e-5)
            # e^2/(4 hbar) = 6.0853e-5 S
            self.compare("unit", rows[:, 1] / rows[:, 3], np.full(rows.shape[0], 6.0853e-5), 1e-5)
            self.check_figure(f"{stem}_spectrum", ("png", "pdf"))

    def test_two_kicks(self):
        time = np.arange(0, 250.01, 0.05)
        times, impulses = [5.0, 20.01], [1e-3, -4e-4]
        self.write_response(FOLDER / "two_kicks.h5", time, np.zeros((time.size, 2)),
                            self.kicked(time, times, impulses),
                            kicks=[(t, (p, 0, 0)) for t, p in zip(times, impulses)])
        _, _, rows = self.spectrum("two_kicks", "--width", 0.02, "--max-energy", 4)
        self.compare("xx", rows[:, 1] + 1j * rows[:, 2], self.want(rows[:, 0], 0.02), 1e-5)

    def test_kick_off_axis(self):
        time = np.arange(0, 300.01, 0.05)
        j = self.kicked(time, [0.0], [1e-3])[:, :1] * np.array([0.6, 0.8])
        self.write_response(FOLDER / "off_axis.h5", time, np.zeros((time.size, 2)), j,
                            kicks=[(0.0, (0.6e-3, 0.8e-3, 0))])
        _, _, rows = self.spectrum("off_axis", "--width", 0.05, "--max-energy", 3)
        self.compare("longitudinal", rows[:, 1] + 1j * rows[:, 2], self.want(rows[:, 0], 0.05),
                     1e-5)
        done = run("spectrum", "off_axis.h5", "--component", "xx")
        self.assertEqual(done.returncode, 2)
        self.assertIn("needs a field along x", done.stderr)

    def test_gauss(self):
        """A Drude current that does not decay: the Gaussian window gives a Gaussian peak at 0."""
        time = np.arange(0, 200.01, 0.1)
        current = np.where(time > 0, 1e-3, 0.0)[:, None] * np.array([1.0, 0.0])
        self.write_response(FOLDER / "gauss.h5", time, np.zeros((time.size, 2)), current,
                            kicks=[(0.0, (1e-3, 0, 0))])
        _, _, rows = self.spectrum("gauss", "--width", 0.05, "--max-energy", 0.3, "--window",
                                   "gauss")
        want = (self.FACTOR * np.sqrt(np.pi / 2) * HBAR / 0.05
                * np.exp(-(rows[:, 0] / 0.05)**2 / 2))
        self.compare("real part", rows[:, 1], want, 1e-6)

    def test_pulse(self):
        # J is the convolution of the response with E, from exact propagation of the two poles over
        # steps twenty times finer than the frames with E linear in between: error 1e-6.
        fine = np.arange(0, 250.0001, 0.005)
        e = pulse(fine, 1e-4, 20.0, 4.0, self.OMEGA_0)
        j = np.zeros(fine.size)
        for strength, pole in ((self.STRENGTH, self.GAMMA - 1j * self.OMEGA_0),
                               (self.DRUDE, self.DRUDE_GAMMA)):
            h = 0.005
            decay = np.exp(-pole * h)
            older = (1 - decay) / (pole**2 * h) - decay / pole
            newer = 1 / pole - (1 - decay) / (pole**2 * h)
            j[1:] += strength * lfilter([1], [1, -decay], older * e[:-1] + newer * e[1:]).real
        current = 0.3 + j[::20, None] * np.array([1.0, 1 / 3])
        field = e[::20, None] * np.array([1.0, 0.0])
        self.write_response(FOLDER / "pulse.h5", fine[::20], field, current)
        done, _, rows = self.spectrum("pulse", "--width", 0.02, "--max-energy", 4, "--floor", 0.01)
        self.assertIn("the field has weight from", done.stderr)
        # Twice the interval of the kicks: sixteen times their 5e-7, and the same for the field.
        self.compare("pulse", rows[:, 1] + 1j * rows[:, 2], self.want(rows[:, 0], 0.02), 5e-5)
        self.assertTrue(0.1 < rows[0, 0] < 1.0 and rows[-1, 0] > 2.2,
                        f"range {rows[0, 0]} to {rows[-1, 0]}")
        self.check_figure("pulse_spectrum")

    def test_natural(self):
        time = np.arange(0, 250.01, 0.05)
        self.write_response(FOLDER / "natural_kick.h5", time, np.zeros((time.size, 2)),
                            self.kicked(time, [0.0], [1e-3]), kicks=[(0.0, (1e-3, 0, 0))],
                            natural=True, extra="hbar: 0.5\n", factor=1.0)
        _, header, rows = self.spectrum("natural_kick", "--width", 0.02, "--max-energy", 2)
        self.assertEqual(header, ["energy", "re_sigma_xx", "im_sigma_xx"])
        omega = (rows[:, 0] + 0.02j) / 0.5
        want = (drude_lorentz(omega, self.STRENGTH, self.GAMMA, self.OMEGA_0)
                + drude_lorentz(omega, self.DRUDE, self.DRUDE_GAMMA, 0.0))
        self.compare("natural", rows[:, 1] + 1j * rows[:, 2], want, 1e-5)

    def test_warnings(self):
        time = np.arange(0, 40.01, 0.8)
        self.write_response(FOLDER / "short.h5", time, np.zeros((time.size, 2)),
                            self.kicked(time, [0.0], [1e-3]), kicks=[(0.0, (1e-3, 0, 0))])
        done = run("spectrum", "short.h5", "--width", 0.01)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("is left at the end: expect", done.stderr)
        self.assertRegex(done.stderr, r"hardly resolve the current \(error about [\d.e-]+ of the maximum\): set "
                         r"output\.every to 0\.\d fs or less")
        self.assertNotIn("linear", done.stderr)
        with h5py.File(FOLDER / "short.h5", "a") as f:
            f["traces/population"][1:] += [-0.02, 0.02]
        done = run("spectrum", "short.h5", "--width", 0.01)
        self.assertIn("populations change by up to 0.02 of the largest one: the response may not be "
                      "linear", done.stderr)
        self.write_response(FOLDER / "quiet.h5", time, np.zeros((time.size, 2)),
                            np.zeros((time.size, 2)))
        done = run("spectrum", "quiet.h5")
        self.assertEqual(done.returncode, 3)
        self.assertIn("there is no field", done.stderr)

    def test_harmonics(self):
        time = np.arange(0, 200.01, 0.1)
        envelope = pulse(time, 1.0, 100, 50)
        carrier = 1.0 / HBAR * (time - 100)
        e = 0.01 * envelope * np.cos(carrier)
        j = envelope * np.sin(carrier) + 1e-3 * envelope**3 * np.sin(3 * carrier)
        self.write_response(FOLDER / "odd.h5", time, e[:, None], j[:, None])
        done = run("spectrum", "odd.h5", "--harmonics", "--csv", "odd.csv", "--max-energy", 6)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        header, rows = read_csv(FOLDER / "odd.csv")
        self.assertEqual(header, ["energy_eV", "emission_x_(e_angstrom_per_fs)^2"])
        peak = [rows[np.abs(rows[:, 0] - n) < 0.25, 1].max() for n in (1, 2, 3)]
        # The Hann window weighs the narrow third harmonic more than the wide first: the integral
        # of window times envelope^n gives the ratio.
        hann = np.sin(np.pi * time / 200)**2
        want = (3 * 1e-3 * np.sum(hann * envelope**3) / np.sum(hann * envelope))**2
        self.assertLess(abs(peak[2] / peak[0] / want - 1), 0.01,
                        f"third to first: got {peak[2] / peak[0]:.4e}, want {want:.4e}")
        self.assertLess(peak[1] / peak[0], 1e-10, "an even harmonic that is not there")
        self.check_figure("odd_harmonics")

    def test_fundamental(self):
        """The carrier of the scenario, whatever the frames resolve; from the field where the scenario has none."""
        carrier = 0.6
        extra = ("field:\n  - {kind: kick, impulse: 1 V fs/angstrom}\n  - {kind: pulse, amplitude: 0.01 V/angstrom, "
                 f"frequency: {carrier / (2 * np.pi * HBAR):.12g} 1/fs}}\n")
        for every, scenario, words in (
                (0.2, extra, ""), (0.2, "", ""),
                # pi hbar/2 fs = 1.034 eV and, for twice the fifth harmonic, pi hbar/6 eV = 0.345 fs.
                (2.0, extra, "every 2 fs they hold energies up to 1.03 eV, and the third harmonic of the fundamental "
                 "0.6 eV lies beyond that and is folded back: set output.every to 0.3 fs or less"),
                (4.0, extra, "they do not hold the fundamental 0.6 eV: set output.every to 0.3 fs or less")):
            time = np.arange(0, 200.01, every)
            envelope = pulse(time, 1.0, 100, 50)
            phase = carrier / HBAR * (time - 100)
            self.write_response(FOLDER / "carrier.h5", time, 0.01 * (envelope * np.cos(phase))[:, None],
                                (envelope * np.sin(phase))[:, None], extra=scenario)
            done = run("spectrum", "carrier.h5", "--harmonics", "--format", "png", "--dpi", 50)
            self.assertEqual(done.returncode, 0, done.stderr)
            origin = "carrier of field.1" if scenario else "spectrum of the field"
            self.assertRegex(done.stdout, rf"^fundamental 0\.(6|59\d+|600\d+) eV, {origin}; ")
            self.assertIn("|w J|^2 x/(e A/fs)^2", done.stdout)
            self.assertEqual(done.stderr.count("warning"), 1 if words else 0, done.stderr)
            self.assertIn(words, done.stderr)
        done = run("spectrum", "carrier.h5", "--map", "time", "--format", "png", "--dpi", 50)
        self.assertIn("the frames hardly resolve the current", done.stderr)
        with h5py.File(FOLDER / "carrier.h5", "a") as f:
            f["traces/field"][...] = 0
        done = run("spectrum", "carrier.h5", "--harmonics")
        self.assertEqual(done.returncode, 3)
        self.assertIn("there is no field", done.stderr)

    def test_figure_texts(self):
        energy = np.linspace(0, 4, 200)
        sigma = xarray.DataArray(np.stack([self.want(energy, 0.02)] * 2),
                                 dims=("component", "energy"), attrs={"units": "S"},
                                 coords={"component": ["xx", "yx"],
                                         "energy": ("energy", energy, {"units": "eV"})})
        figure = keldrift.plot_conductivity(sigma)
        self.addCleanup(plt.close, figure)
        self.assertEqual(overlaps(figure), [])


class TargetChecks(unittest.TestCase):
    def test_targets(self):
        """What is no ordinary file and what is read is not replaced; a link leads to what is."""
        os.chdir(FOLDER)
        k = np.linspace(-1, 1, 8)[:, None]
        t = np.linspace(0, 4, 40)
        write("kept.h5", "kept", t, {"current": (np.stack([np.sin(t)], 1), "e angstrom fs-1", ("time", "axis")),
                                     "field": (np.stack([np.cos(t)], 1), "V angstrom-1", ("time", "axis"))}, k=k)
        before = Path("kept.h5").read_bytes()
        for name in ("fifo.html", "fifo.png", "fifo.csv"):
            os.mkfifo(name)
            os.symlink(name, "link_" + name)
        os.symlink("kept.h5", "same.html")

        def refused(words, text):
            done = subprocess.run([sys.executable, SCRIPTS / words[0], *words[1:]], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(text, done.stderr)
            self.assertEqual(Path("kept.h5").read_bytes(), before)

        ordinary = "is not an ordinary file, so it is not replaced"
        refused(["report", "kept.h5", "-o", "fifo.html"], ordinary)
        refused(["report", "kept.h5", "-o", "same.html"], "is the file that is read")
        refused(["plot", "kept.h5", "-o", "link_fifo", "--format", "png"], ordinary)
        refused(["spectrum", "kept.h5", "--csv", "./kept.h5"], "is the file that is read")
        for name in ("/dev/null", "link_fifo.csv"):
            with self.assertRaisesRegex(keldrift.Error, ordinary):
                check_target(name, "kept.h5")
        for name in ("fifo.html", "fifo.png", "fifo.csv"):
            self.assertTrue(Path(name).is_fifo() and Path("link_" + name).is_symlink())
        Path("old.html").write_text("old")
        os.symlink("old.html", "new.html")
        done = subprocess.run([sys.executable, SCRIPTS / "report", "kept.h5", "-o", "new.html"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(Path("new.html").is_symlink() and Path("old.html").read_text().startswith("<!DOCTYPE"))


class ShellChecks(unittest.TestCase):
    def fake(self, name, commands):
        """A folder with stand-ins for commands, so that nothing is really installed."""
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        for command, text in commands.items():
            (folder / command).write_text("#!/bin/sh\n" + text)
            (folder / command).chmod(0o755)
        return folder

    def test_setup(self):
        log = FOLDER / "apt.log"
        log.unlink(missing_ok=True)
        apt = f'echo "$DEBIAN_FRONTEND $*" >>"{log}"\n'
        complete = self.fake("complete", {"dpkg-query": "printf installed\n", "apt-get": apt,
                                          "id": "echo 0\n"})
        done = shell("setup", "--tests", path=complete)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(log.exists(), "apt-get was called though nothing was missing")
        lacking = 'case "$*" in *cmocka*|*meson*) exit 1 ;; esac\nprintf installed\n'
        partial = self.fake("partial", {"dpkg-query": lacking, "apt-get": apt, "id": "echo 0\n"})
        done = shell("setup", path=partial)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("installing 2 packages", done.stdout)
        self.assertEqual(log.read_text(), "noninteractive update -q\nnoninteractive install -y "
                         "--no-install-recommends meson libcmocka-dev\n")
        user = self.fake("user", {"dpkg-query": lacking, "apt-get": apt, "id": "echo 1000\n"})
        log.unlink()
        done = shell("setup", path=user)
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install -y --no-install-recommends meson libcmocka-dev",
                      done.stderr)
        self.assertFalse(log.exists(), "apt-get was called without the right to")

    def test_run(self):
        """In a copy of the layout: options alone belong to the scenario that is the default."""
        tree = FOLDER / "run_tree"
        for name in ("scripts", "build"):
            (tree / name).mkdir(parents=True, exist_ok=True)
        for name in ("scripts/setup", "scripts/build", "scripts/plot", "build/keldrift"):
            (tree / name).write_text('#!/bin/sh\necho "$(basename "$0") $*"\n')
            (tree / name).chmod(0o755)
        shutil.copy(SCRIPTS / "run", tree / "scripts/run")
        default = f"{tree}/scenarios/relaxation_after_pulse/relaxation_after_pulse.yaml"
        option = ["--set", "propagation.duration=300 fs"]
        for given, scenario, name, rest in (
                ([], default, "relaxation_after_pulse", ""),
                (option, default, "relaxation_after_pulse", " " + " ".join(option)),
                (["a/b.yaml", *option], "a/b.yaml", "b", " " + " ".join(option))):
            done = subprocess.run([tree / "scripts/run", *given], text=True, capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            lines = done.stdout.splitlines()
            self.assertRegex(lines[1], r"^scripts/run: building \(.*log: .*/build.log\)$")
            self.assertEqual(lines[2:], [f"keldrift run {scenario} -o {name}.h5{rest}",
                                         f"plot {name}.h5 -o {name}"])

    def test_usage(self):
        for script in ("setup", "format"):
            done = shell(script, "--unknown")
            self.assertEqual(done.returncode, 2)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_format(self):
        """In a copy of the layout: --check finds what is wrong, format mends it."""
        tree = FOLDER / "tree"
        for name in ("src", "include", "tests", "examples", "scripts"):
            (tree / name).mkdir(parents=True, exist_ok=True)
        (tree / ".clang-format").write_text("BasedOnStyle: LLVM\n")
        (tree / "scripts/format").write_bytes((SCRIPTS / "format").read_bytes())
        (tree / "scripts/format").chmod(0o755)
        source = tree / "src/a.c"
        source.write_text("int  f( void ){return 1;}\n")
        if shutil.which("clang-format") is None:
            self.skipTest("no clang-format here")
        formatter = tree / "scripts/format"
        self.assertNotEqual(subprocess.run([formatter, "--check"],
                                           capture_output=True).returncode, 0)
        self.assertEqual(subprocess.run([formatter]).returncode, 0)
        self.assertEqual(source.read_text(), "int f(void) { return 1; }\n")
        self.assertEqual(subprocess.run([formatter, "--check"]).returncode, 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--keep", type=Path)
    options, rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as temporary:
        FOLDER = (options.keep or Path(temporary)).resolve()
        FOLDER.mkdir(parents=True, exist_ok=True)
        os.chdir(FOLDER)
        outcome = unittest.main(argv=[sys.argv[0], *rest], exit=False)
        os.chdir("/")
    sys.exit(not outcome.result.wasSuccessful())
