#!/usr/bin/python3
"""Sweeps on many processes against the same sweep on one: files, index, failures, what is kept.

Called as sweeps.py PATH_TO_KELDRIFT [SOURCE_ROOT].
"""

import csv
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import numpy as np  # noqa: E402

import harness  # noqa: E402

os.environ.update(harness.MPI_ENVIRONMENT)

SCENARIO = {
    "model": {"kind": "ssh", "t1": "1 eV", "t2": "0.8 eV", "lattice_constant": "3 angstrom",
              "positions": ["0 angstrom", "1 angstrom"]},
    "grid": {"k": [16]},
    "initial": {"kind": "equilibrium", "temperature": "600 K", "filling": 1},
    "field": [{"kind": "pulse", "amplitude": "1 MV/cm", "center": "2 fs", "fwhm": "1 fs"}],
    "collisions": {"ansatz": "matrix", "broadening": "60 meV", "terms": [
        {"kind": "impurity", "strength": "0.2 eV", "vertex": "onsite"},
        {"kind": "phonon", "energy": "0.3 eV", "coupling": "0.2 eV", "temperature": "600 K", "vertex": "onsite"}]},
    "propagation": {"duration": "6 fs"},
    "output": {"file": "out.h5", "every": "1 fs"},
}
AMPLITUDES = ["--sweep", "field.0.amplitude=1:7:7 MV/cm"]


def sweep(suite, processes, folder, axes, command="run", settings=()):
    suite.write("s.yaml", harness.json.dumps(SCENARIO))
    suite.launcher = ["mpirun", "-n", str(processes)] if processes > 1 else []
    done = suite.execute([command, "s.yaml", "-o", folder, "--threads", "1", *axes, *settings])
    suite.launcher = []
    return done


def index(suite, folder):
    with open(suite.path(folder + "/index.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results(suite, folder):
    return sorted(name for name in os.listdir(suite.path(folder)) if name.endswith(".h5"))


def same(suite, name, folder, want):
    """The folder holds what the folder `want` does, bit by bit, but for what a run cost."""
    got, names = results(suite, folder), results(suite, want)
    left = [entry for entry in os.listdir(suite.path(folder)) if entry.startswith(".")]
    suite.line(got == names and len(names) > 0 and not left, f"{name}: files {len(got)}, want {len(names)}, left {left}")
    worst = 0.0
    for file in set(got) & set(names):
        a, b = (harness.Result(suite.path(f"{place}/{file}")) for place in (folder, want))
        worst = max([worst] + [float(np.max(np.abs(a[key] - b[key]))) if a[key].size else 0.0
                               for key in a.arrays.keys() | b.arrays.keys()])
    suite.equal(f"{name}: largest difference of all numbers", worst, 0, 0, "each run is that of one process")
    suite.line(index(suite, folder) == index(suite, want), f"{name}: the index is the same")


def shared(suite):
    one = sweep(suite, 1, "one", AMPLITUDES)
    suite.line(one.returncode == 0, f"on 1: exit status {one.returncode} {one.stderr.strip()}")
    for processes in (2, 3):
        done = sweep(suite, processes, f"on_{processes}", AMPLITUDES)
        lines = done.stdout.strip().split("\n")
        suite.line(done.returncode == 0 and done.stderr == "" and len(lines) == 8 and lines[-1].startswith("7 runs: 7 done,"),
                   f"on {processes}: exit status {done.returncode}, {lines[-1]} {done.stderr.strip()}")
        suite.line(sorted(line.split(":")[0] for line in lines[:-1]) ==
                   [f"run {i} of 7, field.0.amplitude = {i} MV/cm" for i in range(1, 8)],
                   f"on {processes}: each run is told of once")
        same(suite, f"on {processes}", f"on_{processes}", "one")
    few = ["--sweep", "grid.k.0=8,16"]
    sweep(suite, 1, "few", few)
    done = sweep(suite, 3, "few_on_3", few)
    suite.line(done.returncode == 0, f"more processes than runs: {done.returncode} {done.stderr.strip()}")
    same(suite, "more processes than runs", "few_on_3", "few")


def resumed(suite):
    """What is there is kept, whatever the number of processes; two have gone, and one is another scenario's."""
    name = "amplitude={}_MV_cm.h5"
    times = {file: os.stat(suite.path("on_2/" + file)).st_mtime_ns for file in results(suite, "on_2")}
    os.remove(suite.path("on_2/" + name.format(2)))
    os.remove(suite.path("on_2/" + name.format(7)))
    os.replace(suite.path("few/" + results(suite, "few")[0]), suite.path("on_2/" + name.format(4)))
    done = sweep(suite, 3, "on_2", AMPLITUDES)
    suite.line(done.returncode == 0 and "7 runs: 3 done, 4 there already, 0 failed" in done.stdout,
               f"resumed on 3: {done.stdout.strip().splitlines()[-1]}")
    same(suite, "resumed on 3", "on_2", "one")
    again = {file: os.stat(suite.path("on_2/" + file)).st_mtime_ns for file in results(suite, "on_2")}
    suite.line(sorted(file for file in times if again[file] != times[file]) == [name.format(i) for i in (2, 4, 7)],
               "only what was missing was written")
    done = sweep(suite, 1, "on_2", AMPLITUDES)
    suite.line("0 done, 7 there already" in done.stdout, "and one process finds nothing to do")


def failures(suite):
    """A value that is none, and runs that fail on the way: the others are done, the status is that of the first."""
    for label, axes in (
            ("values", ["--sweep", "grid.k=[0],[8],[16]", "--sweep", "initial.temperature=600,-1 K"]),
            # The second formula is no number from 4 fs on.
            ("fields", ["--sweep", "field.0={kind: expression, expression: '0.01*exp(-t)'},"
                        "{kind: expression, expression: '0.01*sqrt(4-t)'}", "--sweep", "grid.k=[8],[16]"])):
        one = sweep(suite, 1, f"failing_{label}", axes)
        states = [row["state"] for row in index(suite, f"failing_{label}")]
        suite.line(states.count("failed") in (2, 4) and states.count("done") == 2, f"{label}, on 1: {states}")
        for processes in (2, 3):
            done = sweep(suite, processes, f"failing_{label}_{processes}", axes)
            told = [sorted(line for line in text.stderr.split("\n") if "error:" in line) for text in (done, one)]
            suite.line(done.returncode == one.returncode != 0 and told[0] == told[1],
                       f"{label}, on {processes}: exit status {done.returncode} (want {one.returncode}), "
                       f"{len(told[0])} errors (want {len(told[1])})")
            same(suite, f"{label}, on {processes}", f"failing_{label}_{processes}", f"failing_{label}")


def index_in_the_way(suite):
    """All processes end when the index cannot be written."""
    os.makedirs(suite.path("blocked/index.csv"))
    done = sweep(suite, 3, "blocked", AMPLITUDES)
    suite.line(done.returncode == 3 and done.stderr.count("cannot write the index") == 1 and
               os.listdir(suite.path("blocked")) == ["index.csv"],
               f"a folder in place of the index: exit status {done.returncode}, {done.stderr.strip().splitlines()[:1]}")
    done = sweep(suite, 2, "wrong", ["--sweep", "grid.k.0=4,,8"])
    suite.line(done.returncode == 2 and done.stderr.count("error:") == 1 and not os.path.exists(suite.path("wrong")),
               f"a wrong sweep is told of once: exit status {done.returncode}")


def responses(suite):
    axes = ["--sweep", "initial.temperature=400:800:3 K"]
    one = sweep(suite, 1, "steady", axes, "steady")
    done = sweep(suite, 2, "steady_on_2", axes, "steady")
    suite.line(one.returncode == done.returncode == 0, f"steady: {one.returncode} {done.returncode} {done.stderr.strip()}")
    same(suite, "steady", "steady_on_2", "steady")


if __name__ == "__main__":
    harness.main([shared, resumed, failures, index_in_the_way, responses])
