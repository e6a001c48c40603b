#!/usr/bin/python3
"""Checks of the Python module keldrift and of scripts/bands and scripts/report: check_module.py KELDRIFT.

With --keep FOLDER the figures and pages stay there to be looked at.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import unittest
import warnings
import xml.etree.ElementTree as xml
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
SILICON = ROOT / "scenarios/silicon_pulse/silicon_tb.dat"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SCRIPTS))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import keldrift  # noqa: E402  (needs the path above)
import matplotlib.pyplot as plt  # noqa: E402
from keldrift.potential import Potential  # noqa: E402

plt.switch_backend("Agg")
HBAR = 0.6582119569
T1, T2, A = 1.0, 0.6, 5.0
FOLDER = None  # where the checks write, set at the start

CHAIN = {
    "title": "A dimerized chain", "model": {"kind": "ssh", "t1": f"{T1} eV", "t2": f"{T2} eV",
                                            "lattice_constant": f"{A} angstrom"},
    "grid": {"k": [32]}, "initial": {"kind": "equilibrium", "temperature": "300 K", "filling": 1},
    "field": [{"kind": "kick", "impulse": "0.01 V fs/angstrom"}],
    "propagation": {"duration": "60 fs"},
    "output": {"every": "0.5 fs", "snapshots": {"every": "0.5 fs"}}}


def chain_energy(k):
    return np.sqrt(T1**2 + T2**2 + 2 * T1 * T2 * np.cos(k * A))


def script(name, *arguments):
    return subprocess.run([SCRIPTS / name, *map(str, arguments)], text=True, capture_output=True,
                          timeout=120)


class ProgramChecks(unittest.TestCase):
    def test_run(self):
        with keldrift.run(CHAIN, grid__k=np.array([16]), field__0__impulse="0.02 V fs/angstrom",
                          propagation__duration="5 fs") as result:
            self.assertEqual(result.parameters["grid"]["k"], [16])
            self.assertEqual(result.parameters["field"][0]["impulse"], "0.02 V fs/angstrom")
            self.assertEqual(result.title, "A dimerized chain")
            self.assertIn("number per cell", result.summary)
            self.assertEqual(result.traces.time.units, "fs")
            self.assertEqual(result.traces.energy.units, "eV")
            self.assertEqual(result.traces.population.dims, ("time", "band"))
            self.assertEqual(result.snapshots.f.dtype, complex)
            with h5py.File(result.path) as file:
                np.testing.assert_array_equal(result.traces.current.values,
                                              file["traces/current"][...])
                np.testing.assert_array_equal(result.traces.time.values, file["traces/time"][...])
                np.testing.assert_array_equal(result.grid.k.values, file["grid/k"][...])
            path = result.path
            self.assertTrue(path.exists())
        del result
        self.assertFalse(path.parent.exists(), "the temporary folder is left")

    def test_file_and_scenario(self):
        result = keldrift.run(ROOT / "scenarios/rabi/rabi.yaml", file=FOLDER / "rabi.h5",
                              propagation__duration="2 fs")
        self.assertEqual(result.path, FOLDER / "rabi.h5")
        self.assertTrue((FOLDER / "rabi.h5").exists())
        self.assertEqual(keldrift.resolve(ROOT / "scenarios/rabi/rabi.yaml")["units"],
                         result.parameters["units"])
        self.assertIn("memory", keldrift.check(CHAIN))
        self.assertIn("lattice_constant", keldrift.describe("model.ssh"))

    def test_input_file(self):
        """A file in a dictionary is relative to the working directory."""
        (FOLDER / "table.txt").write_text("0 0\n5 0.01\n10 0\n")
        field = [{"kind": "table", "file": "table.txt"}]
        with keldrift.run({**CHAIN, "field": field}, propagation__duration="10 fs") as result:
            self.assertAlmostEqual(float(result.traces.field.max()), 0.01, 6)

    def test_user_observables(self):
        observables = [{"name": "sz", "matrix": "pauli_z"}]
        with keldrift.run({**CHAIN, "observables": observables},
                          propagation__duration="1 fs") as result:
            self.assertEqual(result.traces["user/sz"].dims, ("time",))

    def test_steady(self):
        collisions = {"ansatz": "t1_t2", "t1": "10 fs", "t2": "10 fs"}
        with keldrift.steady({**CHAIN, "field": [], "collisions": collisions}) as result:
            sigma = result.steady.conductivity
            self.assertEqual(sigma.units, "e angstrom^2/(V fs)")
            si = keldrift.to_si(sigma)
            self.assertEqual(si.units, "S m")
            # e angstrom/fs per cell of 5 angstrom is e/(5 fs), and V/angstrom is 1e10 V/m.
            factor = 1.602176634e-19 / (A * 1e-15) / 1e10
            self.assertAlmostEqual(float(si[0, 0] / sigma[0, 0]) / factor, 1, 9)
            with self.assertRaises(keldrift.Error):
                keldrift.to_si(result.model.energy)

    def test_labels(self):
        """Axes that count are integers without a unit, and names are short enough for an axis."""
        observables = [{"name": "sz", "matrix": "pauli_z"}]
        with keldrift.run({**CHAIN, "observables": observables}, propagation__duration="1 fs") as result:
            traces = result.traces
            self.assertEqual(traces.band.dtype, int)
            self.assertNotIn("units", traces.band.attrs)
            self.assertEqual(traces.current.long_name, "current per cell")
            self.assertEqual(traces.current.description, "current per cell, charge g_s (1/N_k) sum_k Tr(v f)")
            self.assertEqual(traces["user/sz"].long_name, "sz per cell")
            for group in (traces, result.snapshots, result.model, result.grid):
                for name, variable in group.variables.items():
                    self.assertLessEqual(len(variable.attrs["long_name"]), 60, name)
            for lines, want in ((traces.population.plot(hue="band"), ["0", "1"]),):
                legend = lines[0].axes.get_legend()
                self.assertEqual([text.get_text() for text in legend.get_texts()], want)
                self.assertEqual(legend.get_title().get_text(), "band")
                plt.close(lines[0].figure)

    def test_sweep(self):
        """What `keldrift run --sweep` leaves, against the results one by one."""
        folder = FOLDER / "swept"
        scenario = FOLDER / "swept.yaml"
        scenario.write_text(json.dumps({**CHAIN, "propagation": {"duration": "4 fs"}}))
        subprocess.run([os.environ["KELDRIFT"], "run", scenario, "--quiet", "--threads", "1", "-o", folder,
                        "--sweep", "field.0.impulse=0.01,0.02 V fs/angstrom", "--sweep", "grid.k=[8],[16]"],
                       check=True, capture_output=True)
        sweep = keldrift.Sweep(folder)
        current = sweep.traces.current
        self.assertEqual(current.dims, ("impulse", "k", "time", "direction"))
        self.assertEqual(current.impulse.units, "V fs/angstrom")
        count = 0
        for values, result in sweep:
            np.testing.assert_array_equal(current.sel(values), result.traces.current)
            np.testing.assert_allclose(sweep.index.energy.sel(values), result.traces.energy[-1], rtol=1e-12)
            self.assertEqual(result.parameters["grid"]["k"], json.loads(values["k"]))
            count += 1
        self.assertEqual(count, 4)
        with self.assertRaisesRegex(keldrift.Error, "population_k, k1 of /snapshots differ from run to run"):
            sweep.snapshots  # pylint: disable=pointless-statement
        done = script("plot", folder, "--format", "png", "-o", FOLDER / "swept")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_errors(self):
        with self.assertRaises(keldrift.Error) as caught:
            keldrift.run({**CHAIN, "grid": {"q": [3]}})
        self.assertEqual(caught.exception.status, 2)
        self.assertRegex(str(caught.exception), r"(?m)^error: grid.q: unknown key")
        with self.assertRaises(keldrift.Error) as caught:
            keldrift.run(FOLDER / "absent.yaml")
        self.assertEqual(caught.exception.status, 3)
        with self.assertRaisesRegex(keldrift.Error, "was not found"):
            keldrift.run(CHAIN, program="/absent/keldrift")
        with self.assertRaisesRegex(keldrift.Error, "cannot hold a complex"):
            keldrift.run({**CHAIN, "title": 1j})
        with keldrift.run(CHAIN, propagation__duration="1 fs") as result:
            with self.assertRaisesRegex(keldrift.Error, "no dataset /traces/absent"):
                result.dataset("/traces", ["absent"])
            with self.assertRaisesRegex(keldrift.Error, "no group /steady"):
                result.steady  # pylint: disable=pointless-statement

    def test_look_is_not_changed(self):
        before = dict(plt.rcParams)
        with keldrift.run(CHAIN, propagation__duration="5 fs") as result:
            plt.close(keldrift.plot(result, panels=["current", "energy"]))
            figure = keldrift.plot(result, panels=[])
            self.assertGreaterEqual(len(figure.axes), 2)
            plt.close(figure)
            with self.assertRaisesRegex(keldrift.Error, "panel 'charge'"):
                keldrift.plot(result, panels=["charge"])
        self.assertEqual(before, dict(plt.rcParams))


class BandChecks(unittest.TestCase):
    # Energies of up to 12 eV from LAPACK in double precision.
    ROUNDING = 1e-12

    def silicon(self):
        return {"model": {"kind": "wannier90", "file": str(SILICON), "fermi_energy": "6.5 eV"},
                "grid": {"k": [5, 4, 3]},
                "initial": {"kind": "equilibrium", "temperature": "0 K", "filling": 4},
                "propagation": {"duration": "1e-6 fs"}}

    def test_wannier90(self):
        """The Fourier sum of the file against the program, at every k of its grid."""
        bands = keldrift.Bands.from_wannier90(SILICON, fermi_energy=6.5)
        with keldrift.run(self.silicon()) as result:
            fraction = np.moveaxis(np.indices((5, 4, 3)), 0, -1) / [5, 4, 3]
            error = np.abs(bands.energy(fraction) - result.model.energy.values).max()
            self.assertLess(error, self.ROUNDING, f"energies, eV: error {error:.1e}")
            np.testing.assert_allclose(fraction @ bands.reciprocal, result.grid.k.values,
                                       atol=1e-12)
        path = bands.default_path()
        self.assertEqual([name for name, _ in path], ["L", "G", "X", "W", "K", "G"])
        at = dict(path)
        cartesian = at["X"] @ bands.reciprocal
        # 2 pi/a along a cubic axis, a = 2 * 2.6988 angstrom
        self.assertAlmostEqual(np.abs(cartesian).max(), 2 * np.pi / 5.3976, 9)
        self.assertAlmostEqual(np.linalg.norm(cartesian), 2 * np.pi / 5.3976, 9)

    def test_hr_file(self):
        """The same model as SEED_hr.dat."""
        bands = keldrift.Bands.from_wannier90(SILICON)
        n = bands.hoppings.shape[1]
        degeneracy = np.ones(len(bands.cells), int)
        degeneracy[0] = 2
        lines = ["a comment", str(n), str(len(bands.cells))]
        lines += [" ".join(map(str, degeneracy[i:i + 15])) for i in range(0, len(degeneracy), 15)]
        for cell, h, d in zip(bands.cells, bands.hoppings, degeneracy):
            lines += [f"{cell[0]} {cell[1]} {cell[2]} {a + 1} {b + 1} {d * h[a, b].real:.12f} "
                      f"{d * h[a, b].imag:.12f}" for b in range(n) for a in range(n)]
        path = FOLDER / "silicon_hr.dat"
        path.write_text("\n".join(lines) + "\n")
        again = keldrift.Bands.from_wannier90(path, bands.vectors)
        k = np.random.default_rng(1).random((20, 3))
        np.testing.assert_allclose(again.energy(k), bands.energy(k), atol=1e-9)
        with self.assertRaisesRegex(keldrift.Error, "no lattice vectors.*with --lattice-vectors"):
            keldrift.Bands.from_wannier90(path)
        with self.assertRaisesRegex(keldrift.Error, "neither a SEED_tb.dat"):
            keldrift.Bands.from_wannier90(ROOT / "README.md")

    def test_result(self):
        """Between the points of the grid, even and odd, against the closed form."""
        k = np.linspace(0, 1, 101)
        want = chain_energy(2 * np.pi * k / A)
        for n in (5, 8):
            with keldrift.run(CHAIN, grid__k=[n], propagation__duration="1e-6 fs") as result:
                got = keldrift.Bands.from_result(result).energy(k[:, None])
            np.testing.assert_allclose(got, np.stack([-want, want], 1), atol=self.ROUNDING)
        with self.assertWarnsRegex(keldrift.ResultWarning, "reach the rim"):
            with keldrift.run(CHAIN, grid__k=[2], propagation__duration="1e-6 fs") as result:
                keldrift.Bands.from_result(result)

    def test_hexagonal(self):
        bands = keldrift.band_path({
            "model": {"kind": "graphene", "t": "2.7 eV", "lattice_constant": "2.46 angstrom"},
            "grid": {"k": [4, 4]},
            "initial": {"kind": "equilibrium", "temperature": "300 K", "filling": 1},
            "propagation": {"duration": "1 fs"}})
        self.assertEqual(bands.labels, ["G", "K", "M", "G"])
        upper = np.interp(bands.ticks, bands.distance.values, bands.values[:, 1])
        np.testing.assert_allclose(upper, [8.1, 0, 2.7, 8.1], atol=1e-9)
        # |Gamma K| = 4 pi/3a
        self.assertAlmostEqual(bands.ticks[1], 4 * np.pi / (3 * 2.46), 9)

    def test_default_path(self):
        """Only where there is dispersion, and k and -k both."""
        def path(*cells):
            home = np.array([[0.3, 0.1], [0.1, -0.3]])
            hop = np.array([[0.1 + 0.2j, 0.3], [0.05, -0.1]])
            cells = np.array([(0, 0, 0), *cells, *(-np.array(cells))])
            n = (len(cells) - 1) // 2
            bands = keldrift.Bands(np.diag([8.0, 4.0, 9.0]), cells, np.array([home, *[hop] * n, *[hop.conj().T] * n]))
            along = bands.along(points=200)
            return bands, along

        bands, along = path((0, 1, 0))
        self.assertEqual(along.labels, ["−b2/2", "G", "b2/2"])
        self.assertAlmostEqual(along.ticks[-1], 2 * np.pi / 4, 12)
        k = np.linspace(-0.5, 0.5, along.sizes["point"])
        np.testing.assert_allclose(along.values, bands.energy(np.stack([0 * k, k, 0 * k], axis=1)), atol=1e-12)
        self.assertGreater(np.abs(along.values - along.values[::-1]).max(), 0.1, "k and -k are alike")
        bands, along = path((1, 0, 0), (0, 0, 1))
        self.assertEqual(along.labels, ["G", "b1/2", "G", "b3/2", "G"])
        np.testing.assert_allclose(np.interp(along.ticks, along.distance.values, along.values[:, 0]),
                                   bands.energy([[0, 0, 0], [0.5, 0, 0], [0, 0, 0], [0, 0, 0.5], [0, 0, 0]])[:, 0],
                                   atol=1e-9)
        # Nothing of the way is gone twice: behind b1/2 lies -b1/2.
        leg = along.values[along.distance.values <= along.ticks[2] + 1e-9]
        self.assertGreater(np.abs(leg - leg[::-1]).max(), 0.1)

    def test_box(self):
        bands = keldrift.band_path({
            "model": {"kind": "dirac2d", "velocity": "10 angstrom/fs", "gap": "0.1 eV",
                      "k_max": "0.05 1/angstrom"},
            "grid": {"k": [4, 4]},
            "initial": {"kind": "equilibrium", "temperature": "300 K", "chemical_potential": "0 eV"},
            "propagation": {"duration": "1 fs"}})
        line = bands.values[:128, 1]
        k = -0.05 + 0.1 * np.arange(128) / 128
        np.testing.assert_allclose(line, np.hypot(10 * HBAR * k, 0.1), atol=1e-9)
        figure = keldrift.plot_bands(bands, window=(-0.2, 0.2))
        self.assertEqual(len(figure.axes[0].get_xticks()), 5)
        plt.close(figure)

    def test_script(self):
        done = script("bands", SILICON, "--fermi-energy", 6.5, "--window", -6, 3, "--format", "png",
                      "-o", FOLDER / "silicon_bands")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue((FOLDER / "silicon_bands.png").exists())
        self.assertIn("band 3: -4.2212 to -0.2715 eV, in the window", done.stdout)
        done = script("bands", SILICON, "--path", "G 0 0, X 1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("point G of the path has 2 numbers (expected 3)", done.stderr)


class MapChecks(unittest.TestCase):
    def test_coherence_map(self):
        """Without a field the coherence between the bands turns with the gap at every k."""
        # A kick of charge times impulse/hbar = -1 point of the grid: nothing is interpolated.
        impulse = HBAR * 2 * np.pi / A / 32
        with keldrift.run(CHAIN, field__0__impulse=f"{impulse:.15g} V fs/angstrom") as result:
            coherence = keldrift.coherence_map(result)
        k = coherence.k.values
        gap = 2 * chain_energy(k)
        np.testing.assert_allclose(coherence.transition.values, gap, atol=1e-12)
        self.assertTrue(np.all(np.diff(k) > 0))
        peak = coherence.energy.values[np.argmax(coherence.values, axis=1)]
        # A Hann line of width 2 pi hbar/60 fs = 0.07 eV has its peak in the middle, and the energies
        # are 0.0104 eV apart.
        self.assertLess(np.abs(peak - gap).max(), 0.0055)
        low = keldrift.plot_coherence_map(coherence.sel(energy=slice(0, 0.5)))
        self.assertIsNone(low.axes[0].get_legend(), "the gap of 0.8 eV lies outside")
        plt.close(low)
        figure = keldrift.plot_coherence_map(coherence, "A map")
        self.assertEqual([text.get_text() for text in figure.axes[0].get_legend().get_texts()],
                         ["$E_{1}(k) - E_{0}(k)$"])
        figure.savefig(FOLDER / "coherence_map.png")
        plt.close(figure)

    def test_coarse_map(self):
        """Snapshots too far apart are told, with the interval that would do; and where k is cut."""
        with keldrift.run({
                "model": {"kind": "graphene", "t": "2.7 eV", "lattice_constant": "2.46 angstrom"},
                "grid": {"k": [8, 8]},
                "initial": {"kind": "equilibrium", "temperature": "300 K", "filling": 1},
                "field": [{"kind": "kick", "impulse": "0.01 V fs/angstrom"}],
                "propagation": {"duration": "50 fs"},
                "output": {"every": "5 fs", "snapshots": {"every": "5 fs"}}}) as result:
            # pi hbar over 5 fs and, at Gamma, 6 t; pi hbar/(6 t) = 0.128 fs.
            with self.assertWarnsRegex(keldrift.ResultWarning, "snapshots every 5 fs hold energies up to "
                                       "0.41 eV; transitions reach 16 eV: set output.snapshots.every to "
                                       "0.1 fs"):
                coherence = keldrift.coherence_map(result)
            with self.assertRaisesRegex(keldrift.Error, "make output.snapshots.every smaller"):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", keldrift.ResultWarning)
                    keldrift.coherence_map(result, max_energy=1)
        self.assertEqual(coherence.attrs["cut"], "k2 = 0")
        figure = keldrift.plot_coherence_map(coherence)
        self.assertIn("k_2 = 0", figure.axes[0].get_xlabel())
        plt.close(figure)

    def test_spectrogram(self):
        """A current whose frequency rises in time: 1 eV at 0, 3 eV at 200 fs."""
        path = FOLDER / "chirp.h5"
        time = np.arange(0, 200.01, 0.1)
        phase = (1.0 * time + (2.0 / 200) * time**2 / 2) / HBAR
        with h5py.File(path, "w") as file:
            file["scenario"] = "title: A chirp\nunits: eV-fs-angstrom\n"
            for name, values in (("time", time), ("current", np.sin(phase)[:, None]),
                                 ("field", np.cos(time)[:, None])):
                file[f"traces/{name}"] = values
        with keldrift.Result(path) as result:
            emission = keldrift.spectrogram(result, width=6.0, max_energy=4)
        at = emission.time.values
        ridge = emission.energy.values[np.argmax(emission.values, axis=1)]
        inside = (at > 30) & (at < 170)
        # omega^2 moves the peak up by about 2 s^2/omega with s = hbar/(sqrt 2 6 fs) = 0.08 eV.
        self.assertLess(np.abs(ridge - (1 + at / 100))[inside].max(), 0.03)
        figure = keldrift.plot_spectrogram(emission)
        figure.savefig(FOLDER / "spectrogram.png")
        plt.close(figure)
        done = script("spectrum", path, "--map", "time", "--format", "png", "-o", FOLDER / "chirp")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue((FOLDER / "chirp.png").exists())


class PotentialChecks(unittest.TestCase):
    def test_energy(self):
        """U(R) that figures compute, against the energy of the program: sum of H(k) n(k) and U(R) n(R), with half of the
        mean field of the charge in its background."""
        terms = [{"kind": "barrier", "height": "0.15 eV", "width": "60 angstrom", "edge": "30 angstrom"},
                 {"kind": "expression", "expression": "x > 0 ? 0.02 : 0.01*exp(-(x/50)^2)",
                  "modulation": "1 + 0.1*t"},
                 {"kind": "periodic", "amplitude": "0.03 eV", "period": "200 angstrom", "position": "20 angstrom"}]
        charge = {"kind": "hartree", "permittivity": 12, "cross_section": "1000 angstrom^2"}
        for potential, share in ((terms, 1.0), ([charge], 0.5)):
            with keldrift.run({
                    "model": {"kind": "parabolic", "mass": 0.067, "k_max": "0.16 1/angstrom"},
                    "grid": {"k": [48], "r": {"points": [48], "length": ["800 angstrom"]}}, "potential": potential,
                    "initial": {"kind": "gaussian", "position": ["-100 angstrom"],
                                "momentum": ["0.03 1/angstrom"], "width": "60 angstrom"},
                    "propagation": {"duration": "4 fs"},
                    "output": {"every": "2 fs", "snapshots": {"every": "2 fs"}}}) as result:
                u = Potential(result)
                self.assertTrue(u.is_known)
                k, level = result.grid.k.values[:, 0], result.model.energy.values[:, 0]
                for i, time in enumerate(result.snapshots.time.values):
                    n, n_k = result.snapshots.density.values[i], result.snapshots.momentum_density.values[i]
                    got = (share * np.sum(u.at(time, n) * n) * (u.r[1] - u.r[0])
                           + np.sum(level * n_k) * (k[1] - k[0]))
                    want = float(result.traces.energy[i])
                    # e^2/epsilon_0 is given to eight digits.
                    self.assertLess(abs(got / want - 1), 1e-8, f"{potential[0]['kind']} at {time}: {got}, want {want}")


class ReportChecks(unittest.TestCase):
    def check_page(self, page):
        """Well-formed, self-contained, accessible. Returns the tree."""
        self.assertTrue(page.startswith("<!DOCTYPE html>\n"))
        tree = xml.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
        self.assertEqual(tree.get("lang"), "en")
        self.assertEqual(len(tree.findall(".//h1")), 1)
        self.assertIsNotNone(tree.find("head/meta[@name='viewport']"))
        ids = [node.get("id") for node in tree.iter() if node.get("id")]
        self.assertEqual(len(ids), len(set(ids)))
        for node in tree.iter():
            for key in ("src", "href"):
                if node.get(key) is not None:
                    self.assertRegex(node.get(key), r"^(data:image/svg\+xml;base64,|#)")
        self.assertIsNone(tree.find(".//script"))
        self.assertIsNone(tree.find(".//link"))
        self.assertNotIn("@import", page)
        self.assertNotIn("url(", page)
        for image in tree.iter("img"):
            self.assertGreater(len(image.get("alt", "")), 20)
        headings = [node.tag for node in tree.iter() if node.tag in ("h1", "h2", "h3")]
        self.assertEqual(headings[0], "h1")
        return tree

    def test_run(self):
        title = "<script>alert('1')</script> & \"co\" $x$"
        collisions = {"ansatz": "matrix", "broadening": "30 meV", "terms": [
            {"kind": "phonon", "energy": "0.16 eV", "coupling": "0.05 eV", "temperature": "300 K",
             "vertex": "onsite"}]}
        with keldrift.run({**CHAIN, "title": title, "collisions": collisions,
                           "field": [{"kind": "constant", "amplitude": "5 MV/cm"}]},
                          file=FOLDER / "page.h5", propagation__duration="20 fs",
                          output__snapshots__every="1 fs") as result:
            page = keldrift.report(result)
            warned = result.warnings
            seconds = result.run["total_seconds"]
        tree = self.check_page(page)
        text = " ".join(tree.itertext())
        self.assertEqual(tree.find(".//h1").text, title)
        self.assertIn("to the baths", text)
        # With collisions and a field nothing but the number is conserved.
        kept, others = text.split("Conserved quantities")[1].split("Cost")[0].split("Other traces")
        self.assertIn("number per cell", kept)
        for name in ("purity", "entropy", "energy per cell"):
            self.assertNotIn(name, kept)
            self.assertIn(name, others)
        self.assertIn("collisions", text)
        self.assertIn("terms.0.coupling", text)
        self.assertIn(f"{seconds:.2f} s", text)
        for warning in warned:
            self.assertIn(warning, text)
        self.assertIn("eV-fs-angstrom", text)
        # field, population, coherence, current, energy, two bands
        self.assertEqual(len(tree.findall(".//img")), 7)

    def test_matrix_units(self):
        """The resolved scenario gives matrices without their unit; the page names it."""
        model = {"kind": "tight_binding", "lattice_vectors": [["5 angstrom"]],
                 "hoppings": [{"R": [0], "re": [["-0.5 eV"]]}]}
        with keldrift.run({**CHAIN, "model": model, "initial": {"kind": "bands", "occupation": [1]},
                           "field": [], "output": {}}, propagation__duration="1 fs") as result:
            rows = [row.text for row in self.check_page(keldrift.report(result)).iter("th")]
        self.assertIn("lattice_vectors (Å)", rows)
        self.assertIn("hoppings.0.re (eV)", rows)
        self.assertIn("hoppings.0.R", rows)

    def test_warnings(self):
        """Those of the file are shown, escaped."""
        with keldrift.run(CHAIN, file=FOLDER / "warned.h5", propagation__duration="1 fs"):
            pass
        with h5py.File(FOLDER / "warned.h5", "a") as file:
            file["run"].attrs["warnings"] = ["a < b: raise <c>"]
        with keldrift.Result(FOLDER / "warned.h5") as result:
            tree = self.check_page(keldrift.report(result))
        self.assertEqual(tree.find(".//section[@class='warnings']//li").text, "a < b: raise <c>")

    def test_space(self):
        with keldrift.run({
                "title": "A packet", "model": {"kind": "parabolic", "mass": 0.067,
                                               "k_max": "0.16 1/angstrom"},
                "grid": {"k": [48], "r": {"points": [48], "length": ["800 angstrom"]}},
                "initial": {"kind": "gaussian", "position": ["-100 angstrom"],
                            "momentum": ["0.03 1/angstrom"], "width": "60 angstrom"},
                "propagation": {"duration": "10 fs"},
                "output": {"every": "1 fs", "snapshots": {"every": "5 fs"}}}) as result:
            tree = self.check_page(keldrift.report(result))
        kept, others = "".join(tree.itertext()).split("Conserved quantities")[1].split("Other traces")
        self.assertIn("energy per cell", kept)
        self.assertNotIn("purity", kept)
        self.assertIn("purity", others)
        alternatives = [image.get("alt") for image in tree.iter("img")]
        self.assertEqual(sum("Wigner" in text for text in alternatives), 3)

    def test_steady(self):
        collisions = {"ansatz": "t1_t2", "t1": "10 fs", "t2": "10 fs"}
        with keldrift.steady({**CHAIN, "field": [], "collisions": collisions}) as result:
            tree = self.check_page(keldrift.report(result))
            si = float(keldrift.to_si(result.steady.conductivity)[0, 0])
        self.assertIn(f"{si:.6g}", " ".join(tree.itertext()).replace("−", "-"))

    def test_script(self):
        with keldrift.run(CHAIN, file=FOLDER / "small.h5", propagation__duration="2 fs"):
            pass
        done = script("report", FOLDER / "small.h5", "-o", FOLDER / "small.html")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.check_page((FOLDER / "small.html").read_text(encoding="utf-8"))
        done = script("report", FOLDER / "absent.h5")
        self.assertEqual(done.returncode, 3)
        self.assertIn("no such file", done.stderr)
        self.assertEqual(list(FOLDER.glob("*.part*")), [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("program")
    parser.add_argument("--keep", type=Path)
    options, rest = parser.parse_known_args()
    os.environ["KELDRIFT"] = os.path.abspath(options.program)
    warnings.simplefilter("error", ResourceWarning)
    with tempfile.TemporaryDirectory() as temporary:
        FOLDER = (options.keep or Path(temporary)).resolve()
        FOLDER.mkdir(parents=True, exist_ok=True)
        os.chdir(FOLDER)
        outcome = unittest.main(argv=[sys.argv[0], *rest], exit=False)
        os.chdir("/")
    sys.exit(not outcome.result.wasSuccessful())
