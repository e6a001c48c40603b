#!/usr/bin/python3
"""`keldrift compare`: what agrees, what differs and how it is said. Called as compare.py
PATH_TO_KELDRIFT [SOURCE_ROOT]."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness  # noqa: E402

import h5py  # noqa: E402
import numpy as np  # noqa: E402

SCENARIO = {"title": "pulse",
            "model": {"kind": "ssh", "t1": "1 eV", "t2": "0.8 eV", "lattice_constant": "3 angstrom",
                      "positions": ["0 angstrom", "1 angstrom"]},
            "grid": {"k": [64]},
            "initial": {"kind": "equilibrium", "temperature": "1500 K", "filling": 1},
            "field": [{"kind": "pulse", "amplitude": "20 MV/cm", "center": "3 fs", "fwhm": "2 fs"}],
            "propagation": {"duration": "8 fs"},
            "output": {"every": "0.5 fs", "snapshots": {"every": "2 fs"}}}


def compare(suite, *arguments):
    done = suite.execute(["compare", *arguments])
    rows = {}
    for line in done.stdout.splitlines():
        if line.startswith("/"):
            rows[line.split()[0]] = line.split(None, 1)[1]
    return done, rows


def edited(suite, name, change):
    shutil.copy(suite.path("run001.h5"), suite.path(name))
    with h5py.File(suite.path(name), "r+") as file:
        change(file)
    return name


def whole_results(suite):
    suite.run(SCENARIO)  # run001.h5
    done, rows = compare(suite, "run001.h5", "run001.h5")
    suite.line(done.returncode == 0 and len(rows) == 18 and "scenarios: the same" in done.stdout
               and all(row.endswith("same") for row in rows.values()),
               f"a result with itself: {len(rows)} datasets, {done.stdout.splitlines()[-1]}")
    # Another method with errors below the tolerance, and one with errors above.
    suite.run({**SCENARIO, "propagation": {"duration": "8 fs", "scheme": "unsplit", "rtol": 1e-9,
                                           "atol": 1e-11}})
    suite.run({**SCENARIO, "propagation": {"duration": "8 fs", "scheme": "unsplit", "rtol": 1e-3,
                                           "atol": 1e-4}})
    done, rows = compare(suite, "run001.h5", "run002.h5")
    suite.line(done.returncode == 0 and "scheme: unsplit" in done.stdout,
               f"two methods: {done.stdout.splitlines()[-1]}")
    done, rows = compare(suite, "run001.h5", "run003.h5")
    suite.line(done.returncode == 1 and rows["/traces/coherence"].endswith("DIFFERS"),
               f"a coarse one: {done.stdout.splitlines()[-1]}")
    done, rows = compare(suite, "run001.h5", "run003.h5", "--rtol", "0.1")
    suite.line(done.returncode == 0, f"with --rtol 0.1: {done.stdout.splitlines()[-1]}")
    done, rows = compare(suite, "run001.h5", "run003.h5", "--quiet")
    suite.line(done.returncode == 1 and done.stdout == "", "--quiet leaves the exit status")
    # Half as many frames: only common times count.
    suite.run({**SCENARIO, "output": {"every": "1 fs", "snapshots": {"every": "2 fs"}}})
    done, rows = compare(suite, "run001.h5", "run004.h5")
    suite.line(done.returncode == 0 and "at 9 common times of 17 and 9" in rows["/traces/number"]
               and "common times" not in rows["/snapshots/f"], f"other frames: {rows['/traces/number']}")
    suite.run({**SCENARIO, "grid": {"k": [66]}})
    done, rows = compare(suite, "run001.h5", "run005.h5")
    suite.line(done.returncode == 1 and
               "OTHER SHAPE: shapes [5, 64, 2, 2] and [5, 66, 2, 2]" in rows["/snapshots/f"],
               f"another grid: {rows['/snapshots/f']}")


def single_numbers(suite):
    def bump(file):
        file["traces/population"][10, 1] += 1e-3
    name = edited(suite, "bump.h5", bump)
    scale = 1.0
    done, rows = compare(suite, "run001.h5", name)
    words = rows["/traces/population"].split()
    suite.line(done.returncode == 1 and words[4] == "DIFFERS" and words[3] == "5"
               and len([r for r in rows.values() if "DIFFERS" in r]) == 1,
               f"one number changed: {rows['/traces/population']}")
    with h5py.File(suite.path("run001.h5")) as file:
        scale = np.abs(file["traces/population"][...]).max()
    suite.equal("its difference", float(words[1]), 1e-3, 1e-5, "printed with three digits")
    suite.equal("relative to the scale", float(words[0]), 1e-3 / scale, 1e-5, "the same")
    for arguments, status in [(["--rtol", "1e-2"], 0), (["--rtol", "0", "--atol", "1.1e-3"], 0),
                              (["--rtol", "0", "--atol", "0.9e-3"], 1),
                              (["--only", "current"], 0), (["--only", "current", "energy"], 0),
                              (["--only", "traces"], 1), (["--only", "/traces/population"], 1),
                              (["--only", "snapshots", "--only", "population"], 1),
                              (["--only", "snapshots"], 0)]:
        done, rows = compare(suite, "run001.h5", name, *arguments)
        suite.line(done.returncode == status, f"{arguments}: exit {done.returncode}, {list(rows)}")

    def bad(file):
        file["traces/energy"][3] = np.nan
    name = edited(suite, "nan.h5", bad)
    done, rows = compare(suite, "run001.h5", name)
    suite.line(done.returncode == 1 and rows["/traces/energy"].endswith("DIFFERS, 1 not finite"),
               f"NaN in one file: {rows['/traces/energy']}")
    done, rows = compare(suite, name, name)
    suite.line(done.returncode == 0 and rows["/traces/energy"].endswith("same, 1 not finite"),
               f"NaN in both: {rows['/traces/energy']}")

    def infinite(file):
        file["traces/energy"][3] = np.inf
    done, rows = compare(suite, name, edited(suite, "inf.h5", infinite))
    suite.line(done.returncode == 1, f"NaN and infinity: {rows['/traces/energy']}")

    def small(file):
        file["traces/current_inter"][...] += 1e-7 * np.abs(file["traces/current"][...]).max()
    done, rows = compare(suite, "run001.h5", edited(suite, "small.h5", small))
    suite.line(done.returncode == 0 and rows["/traces/current_inter"].endswith("agrees"),
               f"a part is judged by the scale of the whole: {rows['/traces/current_inter']}")


def other_files(suite):
    def less(file):
        del file["traces/energy"]
    name = edited(suite, "less.h5", less)
    done, rows = compare(suite, "run001.h5", name)
    suite.line(done.returncode == 1 and rows["/traces/energy"] == "only in A",
               f"a dataset less: {rows['/traces/energy']}")
    done, rows = compare(suite, name, "run001.h5")
    suite.line(done.returncode == 1 and rows["/traces/energy"] == "only in B", "and the other way")

    def later(file):
        file["traces/time"][...] += 100
    done, rows = compare(suite, "run001.h5", edited(suite, "later.h5", later))
    suite.line(done.returncode == 1 and "NO COMMON TIME" in rows["/traces/energy"],
               f"other times: {rows['/traces/energy']}")

    def unit(file):
        file["traces/energy"].attrs["units"] = "meV"
    done, rows = compare(suite, "run001.h5", edited(suite, "unit.h5", unit))
    suite.line(done.returncode == 1 and "OTHER KIND: units eV and meV" in rows["/traces/energy"],
               f"another unit: {rows['/traces/energy']}")

    def real(file):
        del file["snapshots/f"]
        file["snapshots/f"] = np.zeros((5, 64, 2, 2))
    done, rows = compare(suite, "run001.h5", edited(suite, "real.h5", real))
    suite.line(done.returncode == 1 and "complex and real numbers" in rows["/snapshots/f"],
               f"real numbers: {rows['/snapshots/f']}")
    suite.write("text.h5", "no HDF5")
    with h5py.File(suite.path("foreign.h5"), "w") as file:
        file["x"] = [1, 2]
    for arguments, status, message in [
            (["run001.h5"], 2, "compare needs B.h5"),
            (["run001.h5", "run002.h5", "run003.h5"], 2, "compare takes no more than 2 names"),
            (["run001.h5", "none.h5"], 3, "none.h5: error: cannot open the file: No such file"),
            (["run001.h5", "text.h5"], 3, "text.h5: error: not an HDF5 file"),
            (["foreign.h5", "foreign.h5"], 2, "nothing to compare in foreign.h5 and foreign.h5"),
            (["run001.h5", "run002.h5", "--only", "nothing"], 2, "no dataset nothing in run001.h5"),
            (["run001.h5", "run002.h5", "--rtol", "-1"], 2, "--rtol is not a finite number >= 0: -1"),
            (["run001.h5", "run002.h5", "--atol", "nan"], 2, "--atol is not a finite number >= 0"),
            (["run001.h5", "run002.h5", "--rtol"], 2, "an option needs a value: --rtol")]:
        done = suite.execute(["compare", *arguments])
        suite.line(done.returncode == status and message in done.stderr and done.stdout == "",
                   f"{arguments}: exit {done.returncode}, {done.stderr.strip()}")
    done, rows = compare(suite, "run001.h5", "foreign.h5")
    suite.line(done.returncode == 1 and all(row.endswith("only in A") for row in rows.values()),
               "a file of another program")


if __name__ == "__main__":
    harness.main([whole_results, single_numbers, other_files])
