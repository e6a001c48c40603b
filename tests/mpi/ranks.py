#!/usr/bin/python3
"""The same run on 1, 2 and 3 processes: all that is in the result agrees, and errors are told once.

Called as ranks.py PATH_TO_KELDRIFT [SOURCE_ROOT]. What is compared with is the run without mpirun.
"""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import h5py  # noqa: E402
import numpy as np  # noqa: E402

import harness  # noqa: E402

os.environ.update(harness.MPI_ENVIRONMENT)

# Processes sum over R in another order, and transforms of other numbers of columns round otherwise:
# 1e-14 per step, a few tens of steps. Collisions are the same to the last bit.
TOLERANCE, EXACT = 1e-11, 0
WHY = "rounding of sums and transforms in another order"

PACKET = {
    "statistics": "classical",
    "model": {"kind": "parabolic", "mass": 0.067, "k_max": "0.16 1/angstrom"},
    "grid": {"k": [90], "r": {"points": [70], "length": ["1400 angstrom"]}},
    "initial": {"kind": "gaussian", "momentum": ["0.05 1/angstrom"], "width": "60 angstrom",
                "position": ["-300 angstrom"]},
    "potential": [{"kind": "barrier", "height": "0.25 eV", "width": "35 angstrom", "edge": "22 angstrom",
                   "position": "-150 angstrom"}],
    "observables": [{"name": "n", "re": [[1]]}],
    "propagation": {"duration": "30 fs", "rtol": 1e-6, "atol": 1e-9},
    "output": {"file": "a.h5", "every": "5 fs", "snapshots": {"every": "15 fs"}},
}
# A field that the positions of orbitals do not see; a potential that is made anew in every step.
DIRAC = {
    "statistics": "classical",
    "model": {"kind": "dirac1d", "velocity": "10 angstrom/fs", "gap": "20 meV", "k_max": "0.08 1/angstrom"},
    "grid": {"k": [65], "r": {"points": [48], "length": ["1600 angstrom"]}},
    "initial": {"kind": "gaussian", "band": 0, "momentum": ["-0.02 1/angstrom"], "width": "100 angstrom",
                "position": ["-200 angstrom"]},
    "potential": [{"kind": "disorder", "strength": "5 meV", "correlation_length": "100 angstrom", "seed": 3,
                   "modulation": "1 + 0.2*sin(t/9)"}],
    "field": [{"kind": "constant", "amplitude": "27 kV/cm", "direction": [-1]}],
    "propagation": {"scheme": "splitting", "order": 4, "step": "2 fs", "duration": "24 fs"},
    "output": {"file": "a.h5", "every": "6 fs", "snapshots": {"every": "12 fs"}},
}
# Orbitals with positions that the field acts on; collisions at every R.
BATHS = [{"kind": "phonon", "energy": "0.1 eV", "coupling": "40 meV", "temperature": "300 K",
          "vertex": "onsite"},
         {"kind": "impurity", "strength": "20 meV", "vertex": "scalar"}]
EVERYWHERE = {
    "model": {"kind": "ssh", "t1": "0.25 eV", "t2": "0.22 eV", "mass": "0.02 eV",
              "lattice_constant": "5 angstrom", "positions": ["0 angstrom", "2 angstrom"],
              "spin_degeneracy": 2},
    "grid": {"k": [40], "r": {"points": [7], "length": ["210 angstrom"]}},
    "initial": {"kind": "half_spaces", "temperature": "300 K", "filling": 1, "temperature_right": "500 K",
                "edge": "30 angstrom"},
    "field": [{"kind": "pulse", "amplitude": "0.5 MV/cm", "center": "10 fs", "fwhm": "8 fs"}],
    "collisions": {"ansatz": "matrix", "broadening": "12 meV", "terms": BATHS},
    "propagation": {"duration": "12 fs", "rtol": 1e-4, "atol": 1e-6},
    "output": {"file": "a.h5", "every": "4 fs"},
}
# Three bands: matrices by eigenpairs.
THREE = {
    "statistics": "classical",
    "model": {"kind": "tight_binding", "lattice_vectors": [["6 angstrom"]],
              "positions": [["0 angstrom"], ["2 angstrom"], ["4 angstrom"]],
              "hoppings": [
                  {"R": [0], "re": [["0 eV", "-0.3 eV", "0 eV"], ["-0.3 eV", "0.1 eV", "-0.2 eV"],
                                    ["0 eV", "-0.2 eV", "0 eV"]]},
                  {"R": [1], "re": [["0 eV", "0 eV", "0 eV"], ["0 eV", "0 eV", "0 eV"],
                                    ["-0.3 eV", "0 eV", "0 eV"]]},
                  {"R": [-1], "re": [["0 eV", "0 eV", "-0.3 eV"], ["0 eV", "0 eV", "0 eV"],
                                     ["0 eV", "0 eV", "0 eV"]]}]},
    "grid": {"k": [36], "r": {"points": [25], "length": ["300 angstrom"]}},
    "initial": {"kind": "gaussian", "momentum": ["0.1 1/angstrom"], "width": "25 angstrom"},
    "field": [{"kind": "pulse", "amplitude": "0.3 MV/cm", "center": "5 fs", "fwhm": "4 fs"}],
    "propagation": {"step": "0.5 fs", "order": 2, "duration": "6 fs"},
    "output": {"file": "a.h5", "every": "3 fs"},
}
PLANE = {
    "statistics": "classical",
    "model": {"kind": "square", "J": "0.2 eV", "lattice_constant": "4 angstrom"},
    "grid": {"k": [10, 12], "r": {"points": [10, 7], "length": ["120 angstrom", "90 angstrom"]}},
    "initial": {"kind": "gaussian", "momentum": ["0.2 1/angstrom", "0.1 1/angstrom"],
                "width": "14 angstrom", "position": ["-10 angstrom", "5 angstrom"]},
    "potential": [{"kind": "harmonic", "stiffness": "2e-4 eV/angstrom^2"}],
    "propagation": {"step": "1 fs", "duration": "8 fs"},
    "output": {"file": "a.h5", "every": "4 fs"},
}
SPACE = {
    "statistics": "classical",
    "model": {"kind": "cubic", "J": "0.2 eV", "lattice_constant": "4 angstrom"},
    "grid": {"k": [5, 4, 5], "r": {"points": [5, 4, 3], "length": ["40 angstrom", "30 angstrom", "20 angstrom"]}},
    "initial": {"kind": "gaussian", "momentum": ["0.2 1/angstrom", "0.1 1/angstrom", "0 1/angstrom"],
                "width": "7 angstrom", "position": ["-5 angstrom", "2 angstrom", "1 angstrom"]},
    "potential": [{"kind": "harmonic", "stiffness": "2e-3 eV/angstrom^2"}],
    "propagation": {"step": "1 fs", "duration": "4 fs"},
    "output": {"file": "a.h5", "every": "2 fs", "snapshots": {"every": "2 fs"}},
}
HOMOGENEOUS = {
    "model": EVERYWHERE["model"],
    "grid": {"k": [96]},
    "initial": {"kind": "excited", "temperature": "300 K", "filling": 1, "energy": "0.3 eV",
                "width": "40 meV", "amplitude": 0.3},
    "field": [{"kind": "pulse", "amplitude": "0.5 MV/cm", "center": "10 fs", "fwhm": "8 fs"}],
    "collisions": {"ansatz": "matrix", "broadening": "12 meV", "terms": [
        {**BATHS[0], "form": {"kind": "gaussian", "q0": "0.3 1/angstrom"}}, BATHS[1]]},
    "propagation": {"duration": "25 fs", "rtol": 1e-6, "atol": 1e-8},
    "output": {"file": "a.h5", "every": "5 fs"},
}
BY_DIRECT = {**HOMOGENEOUS, "collisions": {**HOMOGENEOUS["collisions"], "method": "direct",
                                           "kinetic_corrections": True}}


# What comes in from one side leaves on the other; a field, and impurities everywhere.
DIODE = {
    "model": {"kind": "parabolic", "mass": 0.067, "k_max": "0.12 1/angstrom", "spin_degeneracy": 2},
    "grid": {"k": [41], "r": {"points": [37], "length": ["900 angstrom"]}},
    "initial": {"kind": "equilibrium", "temperature": "300 K", "chemical_potential": "50 meV"},
    "contacts": [{"kind": "reservoir", "side": "left", "width": "300 angstrom", "rate": "0.25 1/fs",
                  "temperature": "300 K", "chemical_potential": "50 meV"},
                 {"kind": "absorber", "side": "right", "width": "300 angstrom", "rate": "0.25 1/fs"}],
    "potential": [{"kind": "barrier", "height": "0.1 eV", "width": "40 angstrom", "edge": "20 angstrom"}],
    "field": [{"kind": "pulse", "amplitude": "0.02 MV/cm", "center": "5 fs", "fwhm": "4 fs"}],
    "collisions": {"ansatz": "matrix", "broadening": "12 meV", "terms": [
        {"kind": "impurity", "strength": "20 meV", "vertex": "scalar"}]},
    "propagation": {"step": "0.5 fs", "duration": "10 fs"},
    "output": {"file": "a.h5", "every": "2 fs", "snapshots": {"every": "5 fs"}},
}
# The carriers' own charge: every process needs n(R) at all R. Order 4 by the tolerance, two bands.
CHARGE = {
    **DIRAC, "field": [],
    "potential": [{"kind": "hartree", "permittivity": 10, "cross_section": "20 nm^2"},
                  {"kind": "harmonic", "stiffness": "1e-8 eV/angstrom^2"}],
    "propagation": {"duration": "12 fs", "rtol": 1e-6, "atol": 1e-9},
    "output": {"file": "a.h5", "every": "3 fs", "snapshots": {"every": "6 fs"}},
}
# Both: what comes in changes the potential.
CHARGED_DIODE = {
    **DIODE, "collisions": {"ansatz": "none"},
    "potential": [*DIODE["potential"], {"kind": "hartree", "permittivity": 12.9, "cross_section": "100 nm^2",
                                        "background": "0.002"}],
}

# Two dimensions, padded convolutions, kernels of several shapes and principal values.
IN_A_BOX = {
    "model": {"kind": "dirac2d", "velocity": "5 angstrom/fs", "gap": "30 meV", "k_max": "0.05 1/angstrom"},
    "grid": {"k": [9, 12]},
    "initial": {"kind": "equilibrium", "temperature": "500 K", "chemical_potential": "20 meV"},
    "field": [{"kind": "pulse", "amplitude": "0.01 MV/cm", "center": "6 fs", "fwhm": "5 fs",
               "direction": [1, 0]}],
    "collisions": {"ansatz": "causal", "broadening": "20 meV", "method": "fft", "terms": [
        {**BATHS[0], "form": {"kind": "gaussian", "q0": "0.03 1/angstrom"}},
        {**BATHS[0], "form": {"kind": "polar", "q0": "0.03 1/angstrom"}}, BATHS[1]]},
    "propagation": {"duration": "10 fs"},
    "output": {"file": "a.h5", "every": "5 fs"},
}
STIFF = {**HOMOGENEOUS, "field": [], "propagation": {"duration": "100 fs", "integrator": "bdf"}}
# R + s/2 comes beyond 720 angstrom for s/2 up to 441 angstrom, but not from the first of three slabs.
NOT_EVERYWHERE = {**PACKET, "potential": [{"kind": "expression", "expression": "1e-4*sqrt(720 - x)"}]}


def everything(path):
    """Datasets as arrays and attributes, but for what times and processes are in them."""
    arrays, attributes = {}, {}

    def take(name, item):
        for key, value in item.attrs.items():
            if key not in ("REFERENCE_LIST", "DIMENSION_LIST") and name != "run":
                attributes[f"{name}.{key}"] = str(value)
        if isinstance(item, h5py.Dataset):
            attributes[f"{name}: axes"] = str([list(axis.keys()) for axis in item.dims])
            if item.dtype.kind in "fciu":
                arrays[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(take)
        for key in ("warnings", "scheme", "integrator", "collision_method", "steps", "ffts",
                    "collision_evaluations"):
            attributes[f"run.{key}"] = str(file["run"].attrs[key])
        attributes["scenario"] = str(file["scenario"][()])
    return arrays, attributes


def on(suite, processes, scenario, *options):
    suite.launcher = ["mpirun", "-n", str(processes)] if processes else []
    try:
        return suite.run(scenario, *options)
    finally:
        suite.launcher = []


def compare(suite, name, scenario, processes=(2, 3), tolerance=TOLERANCE, why=WHY, own=()):
    """`own`: attributes of /run that every process counts for itself."""
    want, want_attributes = everything(on(suite, 0, scenario).path)
    for count in processes:
        got, attributes = everything(on(suite, count, scenario).path)
        other = [key for key in sorted(set(want_attributes) | set(attributes))
                 if attributes.get(key) != want_attributes.get(key) and key not in own]
        suite.line(not other and sorted(got) == sorted(want),
                   f"{name} on {count}: the same datasets, axes, attributes: {other}")
        worst, where = 0.0, ""
        for key, array in want.items():
            # Eigenvalues of f have the scale of f, whatever the smallest of them is.
            is_eigenvalue = key.startswith("traces/min_")
            scale = 1 if is_eigenvalue else np.max(np.abs(array)) if array.size else 0
            error = np.max(np.abs(got[key] - array)) / (scale or 1) if array.size else 0
            if not error <= worst:
                worst, where = float(error), key
        suite.below(f"{name} on {count}: largest difference over the scale ({where})", worst, tolerance,
                    why)


def packet_and_barrier(suite):
    compare(suite, "packet", PACKET, (1, 2, 3))


def two_bands_in_a_field(suite):
    compare(suite, "Dirac packet", DIRAC)


def three_bands(suite):
    compare(suite, "three bands", THREE, (3,))


def collisions_at_every_r(suite):
    # Every process makes the matrices of the collisions for itself.
    compare(suite, "collisions at every R", EVERYWHERE, own=("run.collision_evaluations",))


def two_dimensions(suite):
    compare(suite, "two dimensions", PLANE, (3, 4))


def three_dimensions(suite):
    compare(suite, "three dimensions", SPACE, (1, 2, 3, 7))
    plane = {"points": [5, 4], "length": ["40 angstrom", "30 angstrom"]}
    compare(suite, "two dimensions of R, three of k", {
        **SPACE, "grid": {"k": [5, 4, 5], "r": plane},
        "initial": {"kind": "local_equilibrium", "temperature": "3000 K", "chemical_potential": "0 eV",
                    "density_profile": "1 + 0.3*cos(2*pi*x/40)"}}, (3,))


def from_a_snapshot(suite):
    """Every process reads its own slab, here with ends within planes of R."""
    state = on(suite, 0, SPACE).path
    compare(suite, "from a snapshot", {**SPACE, "initial": {"kind": "file", "file": state, "snapshot": 1}}, (2, 7))
    refused(suite, "a snapshot on another grid of R", {
        **SPACE, "grid": {**SPACE["grid"], "r": {"points": [5, 4, 4], "length": SPACE["grid"]["r"]["length"]}},
        "initial": {"kind": "file", "file": state}}, 2, "[5, 4, 3] points of R (expected [5, 4, 4], as in grid.r)")


def contacts(suite):
    compare(suite, "contacts", DIODE, own=("run.collision_evaluations",))


def charge(suite):
    compare(suite, "charge", CHARGE)
    compare(suite, "contacts and charge", CHARGED_DIODE, (3,))


def homogeneous(suite):
    why = "the same numbers in the same order"
    compare(suite, "tau shared", HOMOGENEOUS, tolerance=EXACT, why=why)
    compare(suite, "k shared", BY_DIRECT, tolerance=EXACT, why=why)
    compare(suite, "tau shared in a box", IN_A_BOX, (2, 5), tolerance=EXACT, why=why)
    compare(suite, "tau shared, implicit", STIFF, (3,), tolerance=EXACT, why=why)


def as_many_as_points(suite):
    few = {**PACKET, "grid": {"k": [4], "r": {"points": [4], "length": ["100 angstrom"]}},
           "propagation": {"step": "1 fs", "duration": "2 fs"}}
    compare(suite, "one point each, more processes than pairs of k", few, (4,))


def kill_all(launcher):
    """SIGKILL for mpirun and the processes that it has started."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            if parent == launcher.pid:
                os.kill(int(entry), signal.SIGKILL)
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    launcher.kill()
    launcher.wait()


def killed(suite, name, scenario, resume_on):
    """A run on two processes that is killed behind a checkpoint goes on, to the numbers of one that
    was left alone: the same bits on as many processes, rounding on another number."""
    want, _ = everything(on(suite, 2, scenario).path)
    for processes in resume_on:
        suite.write("killed.yaml", harness.json.dumps(scenario))
        for _ in range(10):  # a run may be through before it is hit
            run = subprocess.Popen(["mpirun", "-n", "2", suite.program, "run", "killed.yaml", "-o", "killed.h5", "--quiet",
                                    "--threads", "1", "--set", "output.checkpoint.every=0.05 s"], cwd=suite.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not os.path.exists(suite.path("killed.chk.h5")) and run.poll() is None:
                time.sleep(0.002)
            kill_all(run)
            if os.path.exists(suite.path("killed.chk.h5")):
                break
        suite.launcher = ["mpirun", "-n", str(processes)] if processes > 1 else []
        done = suite.execute(["run", "--restart", "killed.chk.h5", "--quiet", "--threads", "1"])
        suite.launcher = []
        suite.line(done.returncode == 0, f"{name}: goes on on {processes}: exit {done.returncode} {done.stderr.strip()}")
        if done.returncode != 0:
            continue
        got, _ = everything(suite.path("killed.h5"))
        worst = max(np.max(np.abs(got[key] - array)) / (np.max(np.abs(array)) or 1)
                    for key, array in want.items() if array.size and not key.startswith("traces/min_"))
        suite.below(f"{name}: killed on 2, went on on {processes}", worst, 0 if processes == 2 else TOLERANCE,
                    "the same bits" if processes == 2 else WHY)
        os.remove(suite.path("killed.h5"))


def restarts(suite):
    killed(suite, "collisions at every R", EVERYWHERE, (2, 3, 1))
    killed(suite, "tau shared", HOMOGENEOUS, (2,))


def refused(suite, name, scenario, status, message, *options):
    """One message, the exit status, and no file."""
    suite.write("bad.yaml", scenario if isinstance(scenario, str) else harness.json.dumps(scenario))
    suite.launcher = ["mpirun", "-n", "3"]
    before = set(os.listdir(suite.folder))
    done = suite.execute(["run", "bad.yaml", *options])
    suite.launcher = []
    lines = [line for line in done.stderr.split("\n") if "error:" in line]
    left = set(os.listdir(suite.folder)) - before
    suite.line(done.returncode == status and len(lines) == 1 and message in lines[0] and not left,
               f"{name}: exit {done.returncode} (want {status}), {lines} (want one with \"{message}\"), "
               f"files left: {sorted(left)}")


def errors(suite):
    refused(suite, "bad scenario", {**PACKET, "drift": "fast"}, 2, "error: drift: got \"fast\"")
    refused(suite, "no YAML", "grid: {k: [8}", 2, "bad.yaml:1:")
    refused(suite, "no such folder", PACKET, 3, "no/where.h5: error: cannot create the file: No such file",
            "-o", "no/where.h5")
    refused(suite, "more processes than points", {**PACKET, "grid": {
        "k": [8], "r": {"points": [2], "length": ["100 angstrom"]}}}, 2,
        "3 processes for 2 points of R (expected at most one per point)")
    refused(suite, "unknown option", PACKET, 2, "unknown option: --fast", "--fast")
    refused(suite, "a failure in the last slab only", NOT_EVERYWHERE, 4, "not finite near the R grid")


def old_file_stays(suite):
    """What is there is replaced by a whole run, and by nothing less."""
    with h5py.File(suite.path("old.h5"), "w") as file:
        file["something"] = 1
    refused(suite, "a failure after the file was begun", NOT_EVERYWHERE, 4, "not finite", "-o", "old.h5")
    with h5py.File(suite.path("old.h5")) as file:
        suite.line(list(file) == ["something"], "a run that fails leaves the old file as it is")


def alone(suite):
    """Commands that are no run are executed once."""
    suite.launcher = ["mpirun", "-n", "2"]
    done = suite.execute(["--version"])
    suite.launcher = []
    suite.line(done.returncode == 0 and done.stdout.count("keldrift ") == 1, "--version is told once")


if __name__ == "__main__":
    harness.main([packet_and_barrier, two_bands_in_a_field, three_bands, collisions_at_every_r, two_dimensions, three_dimensions,
                  from_a_snapshot, contacts, charge, homogeneous,
                  as_many_as_points, restarts, errors, old_file_stays, alone])
