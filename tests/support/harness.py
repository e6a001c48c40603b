"""Runs keldrift as a user would and compares what it wrote with an oracle.

A test is one executable file, called as TEST.py PATH_TO_KELDRIFT [SOURCE_ROOT]. It makes one Suite,
runs scenarios given as Python dictionaries, and prints one line per comparison:

    ok|FAIL name: got, want, error, tolerance (why this tolerance)

The exit status is 0 if all held, 1 if any failed, 2 for wrong usage.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

# The oracles and the runs are small: more threads only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import h5py  # noqa: E402
import numpy as np  # noqa: E402

# For mpirun: more processes than processors, which then must not wait by spinning; root in containers.
MPI_ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                   "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
                   "OMPI_MCA_hwloc_base_binding_policy": "none", "OMP_NUM_THREADS": "1"}


class RunFailed(Exception):
    """keldrift ended with another status than expected."""


class Result:
    """A result file read into memory: result["/traces/number"] is an array."""

    def __init__(self, path):
        self.path = path
        with h5py.File(path, "r") as file:
            self.arrays = {}
            file.visititems(self._take)
            # Members that are links to a dataset seen before are not visited twice.
            self.attributes = dict(file["/run"].attrs) if "/run" in file else {}

    def _take(self, name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fciu":
            self.arrays["/" + name] = item[()]

    def __getitem__(self, name):
        return self.arrays[name]

    def warnings(self):
        """The texts of the warnings of the run."""
        return [w.decode() if isinstance(w, bytes) else str(w)
                for w in np.atleast_1d(self.attributes.get("warnings", []))]

    def trace(self, name):
        return self.arrays["/traces/" + name]

    def snapshot(self, name="f"):
        return self.arrays["/snapshots/" + name]

    def at(self, name, instant):
        """The frame of a trace at a time that must be one of the frames."""
        times = self.trace("time")
        index = int(np.argmin(np.abs(times - instant)))
        if abs(times[index] - instant) > 1e-9 * max(1.0, abs(instant)):
            raise RunFailed(f"no frame at {instant!r}, the nearest is at {times[index]!r}")
        return self.trace(name)[index]


def show(value):
    array = np.asarray(value)
    if array.ndim == 0:
        number = array.item()
        return number if isinstance(number, str) else f"{number:.10g}"
    return f"array{list(array.shape)}"


class Suite:
    """The checks of one test file and the temporary folder in which it works."""

    def __init__(self, argv):
        if len(argv) not in (2, 3):
            print(f"usage: {argv[0]} PATH_TO_KELDRIFT [SOURCE_ROOT]", file=sys.stderr)
            sys.exit(2)
        self.program = os.path.abspath(argv[1])
        self.source_root = os.path.abspath(argv[2]) if len(argv) == 3 else os.path.dirname(
            os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self.folder = tempfile.mkdtemp(prefix="keldrift_")
        self.launcher = []  # words before the program: mpirun and its options
        self.failures = 0
        self.checks = 0
        self.runs = 0

    # Running

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def execute(self, arguments, limit=120):
        """Runs keldrift with these arguments, for at most `limit` seconds."""
        try:
            return subprocess.run(self.launcher + [self.program] + arguments, cwd=self.folder,
                                  capture_output=True, text=True, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"no end after {limit} s: keldrift {' '.join(arguments)}") from None

    def run(self, scenario, *options, limit=120):
        """Runs a scenario (a dictionary; JSON is YAML) and returns its Result."""
        self.runs += 1
        stem = f"run{self.runs:03d}"
        self.write(stem + ".yaml", json.dumps(scenario))
        if "--threads" not in options:
            options = ("--threads", "1", *options)
        done = self.execute(["run", stem + ".yaml", "-o", stem + ".h5", "--quiet", *options],
                            limit)
        if done.returncode != 0:
            raise RunFailed(f"exit status {done.returncode} (expected 0): {done.stderr.strip()}\n"
                            f"scenario: {json.dumps(scenario)}")
        return Result(self.path(stem + ".h5"))

    # Comparing

    def line(self, good, text):
        self.checks += 1
        self.failures += not good
        print(("ok   " if good else "FAIL ") + text, flush=True)

    def equal(self, name, got, want, tolerance, why):
        """max |got - want| <= tolerance; complex and arrays too. NaN fails."""
        got_array, want_array = np.asarray(got), np.asarray(want)
        try:
            difference = np.abs(got_array - want_array)
        except ValueError:
            self.line(False, f"{name}: got shape {got_array.shape}, want {want_array.shape}")
            return
        error = float(np.max(difference)) if difference.size else float("nan")
        if difference.size > 1:
            worst = np.unravel_index(int(np.argmax(difference)), difference.shape)
            shapes = f" (worst of {list(difference.shape)} at {[int(i) for i in worst]})"
            got = np.broadcast_to(got_array, difference.shape)[worst]
            want = np.broadcast_to(want_array, difference.shape)[worst]
        else:
            shapes = ""
            got, want = got_array.ravel()[0], want_array.ravel()[0]
        self.line(error <= tolerance, f"{name}: got {show(got)}, want {show(want)}{shapes}, "
                  f"error {error:.3g}, tolerance {tolerance:.3g} ({why})")

    def below(self, name, value, bound, why):
        value = float(value)
        self.line(value <= bound, f"{name}: got {value:.6g}, want <= {bound:.6g}, error "
                  f"{max(0.0, value - bound):.3g}, tolerance 0 ({why})")

    def above(self, name, value, bound, why):
        value = float(value)
        self.line(value >= bound, f"{name}: got {value:.6g}, want >= {bound:.6g}, error "
                  f"{max(0.0, bound - value):.3g}, tolerance 0 ({why})")

    def finish(self):
        print(f"{self.checks} checks, {self.failures} failed, {self.runs} runs", flush=True)
        return 1 if self.failures or self.checks == 0 else 0


def main(sections):
    """Runs the sections of a test, each a function of the Suite; one that breaks fails alone."""
    suite = Suite(sys.argv)
    try:
        for section in sections:
            begin = sum(os.times()[:4])
            try:
                section(suite)
            except RunFailed as problem:
                suite.line(False, f"{section.__name__}: {problem}")
            except Exception as problem:  # An oracle or a missing dataset: the rest still counts.
                suite.line(False, f"{section.__name__}: {type(problem).__name__}: {problem}")
            print(f"     {section.__name__}: {sum(os.times()[:4]) - begin:.1f} s of CPU", flush=True)
        sys.exit(suite.finish())
    finally:
        shutil.rmtree(suite.folder, ignore_errors=True)
