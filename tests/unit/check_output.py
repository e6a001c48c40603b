"""Reads a sample result the way scripts and notebooks do: with h5py and with xarray.

Usage: check_output.py TEST_OUTPUT, where TEST_OUTPUT is the program of test_output.c; it writes the
sample, whose numbers set_sample() there defines.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
import xarray

TIME = 0.5 * np.arange(7)
FRAMES = np.arange(7.0)
X = np.array([-2.0, -1.0, 0.0, 1.0])
KX = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
program = None


def snapshots():
    """f[s, x, y, kx, band, band_2] as it was written."""
    i = np.arange(4 * 3 * 5 * 2 * 2).reshape(1, 4, 3, 5, 2, 2)
    t = np.array([0.0, 3.0, 6.0]).reshape(-1, 1, 1, 1, 1, 1)
    return i + 1000 * t + 1j * (-i / 8 - t)


class Sample(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = str(pathlib.Path(cls.folder.name) / "sample.h5")
        subprocess.run([program, cls.path], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def open(self, group):
        data = xarray.open_dataset(self.path, group=group, engine="h5netcdf")
        self.addCleanup(data.close)
        return data

    def test_root(self):
        with h5py.File(self.path) as file:
            attributes = dict(file.attrs)
            self.assertEqual(attributes["format_version"], 1)
            for name in ("keldrift_version", "git_revision", "build", "command"):
                self.assertIsInstance(attributes[name], str)
                self.assertTrue(attributes[name])
            self.assertEqual(attributes["command"], "keldrift run s.yaml")
            self.assertRegex(attributes["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertEqual(file["scenario"].shape, ())
            self.assertEqual(
                file["scenario"].asstr()[()], "title: Sample, σ = 1\nunits: natural\n"
            )
        self.assertIn("σ = 1", str(self.open(None)["scenario"].values))

    def test_every_dataset_has_meaning_and_axes(self):
        count = 0

        def check(path, item):
            nonlocal count
            if not isinstance(item, h5py.Dataset):
                return
            count += 1
            self.assertIsInstance(item.attrs["units"], str, path)
            self.assertIsInstance(item.attrs["long_name"], str, path)
            if h5py.h5ds.is_scale(item.id):
                self.assertEqual(item.ndim, 1, path)
                return
            names = [axis[0].name for axis in item.dims]
            self.assertEqual(len(set(names)), item.ndim, path)
            for length, axis in zip(item.shape, item.dims):
                self.assertEqual(axis[0].shape, (length,), path)

        with h5py.File(self.path) as file:
            file.visititems(check)
        self.assertGreater(count, 15)

    def test_traces(self):
        data = self.open("traces")
        self.assertEqual(data.number.dims, ("time",))
        np.testing.assert_array_equal(data.time, TIME)
        self.assertEqual(data.time.attrs["units"], "fs")
        np.testing.assert_array_equal(data.number, 1 + 0.125 * FRAMES)
        self.assertEqual(data.number.attrs["units"], "1")
        self.assertEqual(data.number.attrs["long_name"], "particles per cell")
        self.assertEqual(data.number.attrs["note"], "carries g_s")
        self.assertEqual(data.population.dims, ("time", "band"))
        self.assertEqual(data.population.attrs["reference"], "eq. (12)")
        np.testing.assert_array_equal(data.population, FRAMES[:, None] + [[0, 0.25]])
        self.assertEqual(data.coherence.dims, ("time", "band", "band_2"))
        np.testing.assert_array_equal(
            data.coherence.sel(band=1, band_2=0), 10 * FRAMES + 2
        )
        self.assertEqual(float(data.number.sel(time=1.5)), 1.375)

    def test_user_observables(self):
        data = self.open("traces/user")
        self.assertEqual(set(data.data_vars), {"sz", "by_band"})
        np.testing.assert_array_equal(data.sz, -FRAMES)
        np.testing.assert_array_equal(data.time, TIME)
        self.assertEqual(data.by_band.dims, ("time", "band"))
        with h5py.File(self.path) as file:
            self.assertEqual(file["traces/user/time"], file["traces/time"])

    def test_snapshots(self):
        data = self.open("snapshots")
        self.assertEqual(data.f.dims, ("time", "x", "y", "kx", "band", "band_2"))
        self.assertEqual(data.f.dtype, np.complex128)
        np.testing.assert_array_equal(data.f, snapshots())
        np.testing.assert_array_equal(data.time, [0, 1.5, 3])
        np.testing.assert_array_equal(data.x, X)
        np.testing.assert_array_equal(data.y, [0, 1, 2])
        np.testing.assert_array_equal(data.kx, KX)
        self.assertEqual(data.kx.attrs["units"], "1/angstrom")
        self.assertEqual(data.x.attrs["long_name"], "position along x")
        self.assertEqual(data.density.dims, ("time", "x", "y"))
        with h5py.File(self.path) as file:
            np.testing.assert_array_equal(file["snapshots/f"][()], snapshots())

    def test_fixed(self):
        model = self.open("model")
        np.testing.assert_array_equal(model.overlap, [[1, 0.5j], [-0.5j, 1]])
        self.assertEqual(float(model.gap), 2.5)
        self.assertEqual(model.gap.attrs["units"], "eV")
        grid = self.open("grid")
        self.assertEqual(grid.k.dims, ("kx", "component"))
        np.testing.assert_array_equal(grid.k[:, 0], KX)

    def test_run(self):
        attributes = self.open("run").attrs
        self.assertEqual(attributes["collision_evaluations"], 42)
        self.assertEqual(attributes["wall_seconds"], 0.5)
        np.testing.assert_array_equal(attributes["stage_seconds"], [0.5, 1.5, 2.5])
        self.assertEqual(
            list(attributes["warnings"]),
            ["f exceeds 1 by 0.01", "broadening below the spacing, σ = 1 meV"],
        )
        self.assertEqual(len(attributes["notes"]), 0)
        with h5py.File(self.path) as file:
            self.assertEqual(len(file["run"].attrs["notes"]), 0)
            self.assertEqual(file["run"].attrs["warnings"][0], "f exceeds 1 by 0.01")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(re.search("Usage:.*", __doc__).group())
    program = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
