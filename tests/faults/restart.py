#!/usr/bin/python3
"""Runs that are stopped or killed at random moments and go on: they end with the numbers of the run
that was left alone, bit by bit, and every file opens. What happens when the disk is full, a folder
vanishes, a checkpoint is damaged. Reruns of results.

Called as restart.py PATH_TO_KELDRIFT [SOURCE_ROOT]. The environment variable KELDRIFT_KILLS sets the
number of kills (default 8), KELDRIFT_SEED the random numbers."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import h5py  # noqa: E402
import numpy as np  # noqa: E402

import harness  # noqa: E402

N_KILL = int(os.environ.get("KELDRIFT_KILLS", "8"))
SEED = int(os.environ.get("KELDRIFT_SEED", "1"))
# Points of k whose set-up takes about a second.
SLOW = 40000

SSH = {"kind": "ssh", "t1": "0.25 eV", "t2": "0.2 eV", "mass": "0.03 eV",
       "lattice_constant": "5 angstrom", "positions": ["0 angstrom", "2 angstrom"]}
PULSE = {"kind": "pulse", "amplitude": "3 MV/cm", "center": "30 fs", "fwhm": "20 fs",
         "frequency": "12 THz"}
PHONON = {"kind": "phonon", "energy": "0.16 eV", "coupling": "0.1 eV", "temperature": "300 K"}
IMPURITY = {"kind": "impurity", "strength": "0.05 eV", "energy_conserving": True}
MEAN_FIELD = {"kind": "electron", "U": "0.4 eV", "form": {"kind": "yukawa", "q0": "0.1 1/angstrom"},
              "scattering": False, "mean_field": "hartree_fock"}


def scenario(collisions, **propagation):
    """Collisions, a pulse, a kick and a jump of the field on a chain of two orbitals."""
    return {"model": SSH, "grid": {"k": [48]},
            "initial": {"kind": "equilibrium", "temperature": "600 K", "filling": 0.9},
            "field": [PULSE, {"kind": "kick", "impulse": "0.02 V fs/angstrom", "time": "61 fs"},
                      {"kind": "step", "amplitude": "0.2 MV/cm", "time": "75 fs", "rise": "0 fs"}],
            "collisions": collisions,
            "propagation": propagation,
            "observables": [{"name": "sz", "matrix": "pauli_z"}],
            "output": {"every": "1.3 fs", "snapshots": {"every": "17 fs"}}}


COLLISIONS = {"ansatz": "matrix", "broadening": "20 meV", "terms": [PHONON, IMPURITY, MEAN_FIELD]}
BOX = {"model": {"kind": "dirac1d", "velocity": "6 angstrom/fs", "gap": "0.1 eV",
                 "k_max": "0.15 1/angstrom"},
       "grid": {"k": [128]},
       "initial": {"kind": "equilibrium", "temperature": "300 K", "chemical_potential": "0 eV"},
       "field": [{"kind": "constant", "amplitude": "1 MV/cm"}],
       "collisions": {"ansatz": "t1_t2", "t1": "40 fs", "t2": "20 fs", "terms": [MEAN_FIELD]},
       "propagation": {"duration": "150 fs", "rtol": 1e-6},
       "output": {"every": "2 fs", "snapshots": {"every": "50 fs"}}}
STIFF = dict(scenario({"ansatz": "matrix", "broadening": "20 meV", "terms": [
    {"kind": "phonon", "energy": "0.16 eV", "coupling": "0.4 eV", "temperature": "900 K"}]},
    duration="400 fs", integrator="bdf", scheme="unsplit", rtol=1e-7))
SPACE = {"model": SSH, "grid": {"k": [48], "r": {"points": [32], "length": ["160 angstrom"]}},
         "initial": {"kind": "gaussian", "band": 0, "position": ["0 angstrom"],
                     "momentum": ["0 1/angstrom"], "width": "30 angstrom"},
         "field": [PULSE],
         "potential": [{"kind": "expression", "expression": "0.05*exp(-(x/30)^2)"}],
         "collisions": {"ansatz": "t1_t2", "t1": "80 fs", "t2": "40 fs", "temperature": "300 K",
                        "chemical_potential": "0 eV"},
         "propagation": {"duration": "45 fs", "rtol": 1e-4},
         "output": {"every": "2.3 fs", "snapshots": {"every": "9 fs"}}}

# What came in through contacts, and a potential that follows from n(R).
DEVICE = {"model": {"kind": "parabolic", "mass": 0.067, "k_max": "0.12 1/angstrom"},
          "grid": {"k": [61], "r": {"points": [61], "length": ["900 angstrom"]}},
          "initial": {"kind": "equilibrium", "temperature": "300 K", "chemical_potential": "50 meV"},
          "contacts": [{"kind": "reservoir", "side": "left", "width": "300 angstrom", "rate": "0.25 1/fs",
                        "temperature": "300 K", "chemical_potential": "50 meV"},
                       {"kind": "absorber", "side": "right", "width": "300 angstrom", "rate": "0.25 1/fs"}],
          "potential": [{"kind": "hartree", "permittivity": 12.9, "cross_section": "100 nm^2"}],
          "propagation": {"duration": "60 fs", "step": "0.1 fs"},
          "output": {"every": "2.3 fs", "snapshots": {"every": "15 fs"}}}

CASES = {"interaction": scenario(COLLISIONS, duration="150 fs", scheme="interaction", rtol=1e-7),
         "unsplit": scenario(COLLISIONS, duration="90 fs", scheme="unsplit", rtol=1e-6),
         "box": BOX, "bdf": STIFF, "splitting": SPACE, "device": DEVICE}


def numbers(path):
    """Everything in /traces and /snapshots, as bytes."""
    found = {}
    with h5py.File(path, "r") as file:
        for group in ("traces", "snapshots"):
            file[group].visititems(lambda name, item, group=group: found.update(
                {f"{group}/{name}": (item.shape, item[()].tobytes())})
                if isinstance(item, h5py.Dataset) else None)
    return found


def differing(one, other):
    return [name for name in sorted(set(one) | set(other)) if one.get(name) != other.get(name)]


def job_of(suite, name, jobs={}):
    """One Job per scenario."""
    if name not in jobs:
        jobs[name] = Job(suite, name)
    return jobs[name]


class Job:
    """One scenario, run in a folder of its own."""

    def __init__(self, suite, name):
        self.suite, self.name = suite, name
        self.folder = suite.path(name)
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "s.yaml"), "w", encoding="utf-8") as file:
            json.dump(CASES[name], file)
        begin = time.monotonic()
        assert self.wait(self.start("run", "s.yaml", "-o", "whole.h5")) == 0
        self.seconds = time.monotonic() - begin
        print(f"     {name}: {self.seconds:.1f} s")
        self.want = numbers(os.path.join(self.folder, "whole.h5"))

    def start(self, *arguments, **more):
        return subprocess.Popen([self.suite.program, *arguments, "--quiet", "--threads", "1"],
                                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, **more)

    @staticmethod
    def wait(process):
        _, process.said = process.communicate(timeout=300)
        return process.returncode

    def opens(self):
        """The files that do not open, hidden ones excepted: those are unfinished."""
        bad = []
        for name in os.listdir(self.folder):
            if name.endswith(".h5"):
                try:
                    numbers(os.path.join(self.folder, name))
                except (OSError, KeyError) as problem:
                    bad.append(f"{name}: {problem}")
        return bad

    def hidden(self):
        return [name for name in os.listdir(self.folder) if name.startswith(".")]


def kills(suite):
    """TERM and KILL in turn at random moments of a run and of what is left of it."""
    dice = random.Random(SEED)
    jobs = [job_of(suite, name) for name in CASES]
    wait = loading(suite)
    done = {"TERM": 0, "KILL": 0, "resumed": 0}
    turn = 0
    while done["TERM"] + done["KILL"] < N_KILL:
        job = jobs[turn % len(jobs)]
        turn += 1
        said = []
        arguments = ["run", "s.yaml", "-o", "cut.h5", "--set", "output.checkpoint.every=0.03 s"]
        for attempt in range(4):
            process = job.start(*arguments)
            time.sleep(max(wait, dice.uniform(0.05, 0.9) * job.seconds))
            kind = dice.choice(["TERM", "KILL"])
            process.send_signal(getattr(signal, "SIG" + kind))
            status = job.wait(process)
            bad = job.opens()
            if bad:
                said.append("; ".join(bad))
            if status == 0:
                break
            done[kind] += 1
            if status != (75 if kind == "TERM" else -signal.SIGKILL):
                said.append(f"exit status {status} after {kind}: {process.said}")
            if os.path.exists(os.path.join(job.folder, "cut.chk.h5")):
                done["resumed"] += 1
                arguments = ["run", "--restart", "cut.chk.h5"]
            elif status == 75 and "nothing has been computed yet" not in process.said:
                said.append("no checkpoint after exit status 75")
        else:
            status = job.wait(job.start(*arguments))
        if status != 0:
            said.append(f"exit status {status}: {process.said}")
        else:
            said += differing(job.want, numbers(os.path.join(job.folder, "cut.h5")))
            said += job.hidden()
            if os.path.exists(os.path.join(job.folder, "cut.chk.h5")):
                said.append("the checkpoint is still there")
            os.remove(os.path.join(job.folder, "cut.h5"))
        suite.line(not said, f"{job.name}, {attempt + 1} kills, same bits: {said or 'yes'}")
    print(f"     {done['TERM']} TERM, {done['KILL']} KILL, {done['resumed']} times resumed")
    suite.above("runs that went on from a checkpoint", done["resumed"], 0.3 * N_KILL,
                "else the moments were not random")


def loading(suite):
    """Three times the time, s, that the program takes to be loaded; a signal before that finds no handler."""
    begin = time.monotonic()
    suite.execute(["run", "--help"])
    return 3 * (time.monotonic() - begin)


def requests(suite):
    """USR1 writes and goes on; a checkpoint tells what it holds."""
    job = job_of(suite, "interaction")
    wait = loading(suite)
    process = job.start("run", "s.yaml", "-o", "asked.h5")
    path = os.path.join(job.folder, "asked.chk.h5")
    # Asked for once, in the set-up: the answer comes when there is something to save.
    time.sleep(wait)
    begin = time.monotonic()
    process.send_signal(signal.SIGUSR1)
    while process.poll() is None and not os.path.exists(path):
        time.sleep(0.02)
    suite.line(os.path.exists(path), f"SIGUSR1 writes a checkpoint: {process.poll()}")
    suite.below("seconds to it", time.monotonic() - begin, 2, "about one is promised")
    told = suite.execute(["info", path])
    suite.line(told.returncode == 0 and "reached   t = " in told.stdout, "info tells the time reached")
    os.replace(path, os.path.join(job.folder, "kept.chk.h5"))
    suite.equal("exit status", job.wait(process), 0, 0, "the run goes on")
    suite.line(not differing(job.want, numbers(os.path.join(job.folder, "asked.h5"))),
               "a checkpoint changes nothing")
    # The same checkpoint, by another name and in another folder.
    other = os.path.join(job.folder, "elsewhere")
    os.makedirs(other)
    shutil.copy(os.path.join(job.folder, "kept.chk.h5"), os.path.join(other, "c.h5"))
    process = job.start("run", "--restart", "elsewhere/c.h5")
    suite.line(job.wait(process) == 2 and "-o RESULT.h5" in process.said,
               f"another name needs -o: {process.said.strip()}")
    process = job.start("run", "--restart", "elsewhere/c.h5", "-o", "elsewhere/new.h5")
    suite.line(job.wait(process) == 0 and not differing(
        job.want, numbers(os.path.join(other, "new.h5"))), f"-o elsewhere {process.said.strip()}")
    suite.line(os.path.exists(os.path.join(other, "c.h5")), "a checkpoint of another name is kept")


def in_setup(suite):
    """Signals while nothing has been computed yet."""
    wait = loading(suite)
    folder = suite.path("setup")
    os.makedirs(folder)
    suite.write("setup/slow.yaml", json.dumps(dict(CASES["interaction"], grid={"k": [SLOW]})))
    suite.write("setup/steady.yaml", json.dumps(dict(CASES["unsplit"], grid={"k": [SLOW]}, collisions={
        "ansatz": "matrix", "broadening": "20 meV", "terms": [PHONON, IMPURITY]})))
    for command in (["run", "slow.yaml", "-o", "slow.h5"], ["steady", "steady.yaml", "-o", "steady.h5"],
                    ["run", "slow.yaml", "-o", "sweep", "--sweep", "initial.temperature=600,700 K"],
                    ["steady", "steady.yaml", "-o", "sweep2", "--sweep", "initial.temperature=600,700 K"]):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = subprocess.Popen([suite.program, *command, "--quiet", "--threads", "1"], cwd=folder,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            time.sleep(wait)
            process.send_signal(signal.SIGUSR1)  # is remembered, and does not kill
            process.send_signal(number)
            said = process.communicate(timeout=60)[1]
            words = "stopped in run 1 of 2" if "--sweep" in command else \
                "nothing has been computed yet" if command[0] == "run" else "there is no result"
            left = [name for _, _, names in os.walk(folder) for name in names
                    if name.endswith((".h5", ".partial"))]
            suite.line(process.returncode == 75 and words in said and not left,
                       f"{' '.join(command)}: {process.returncode}, {said.strip()}, files {left}")


def stale(suite):
    """A checkpoint does not outlive another result of its name."""
    job = job_of(suite, "unsplit")
    path = os.path.join(job.folder, "x.chk.h5")

    def stopped():
        process = job.start("run", "s.yaml", "-o", "x.h5", "--set", "output.checkpoint.every=0.01 s")
        while process.poll() is None and not os.path.exists(path):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        return job.wait(process)

    short = [suite.program, "run", "s.yaml", "-o", "x.h5", "--threads", "1", "--set", "propagation.duration=2 fs"]
    told = "x.chk.h5 is there from a run that was stopped"
    suite.equal("stopped", stopped(), 75, 0, "exit status")
    done = subprocess.run(short, cwd=job.folder, capture_output=True, text=True, check=False)
    suite.line(done.returncode == 0 and told in done.stdout and "run --restart x.chk.h5" in done.stdout,
               f"a newer run tells of it: {done.stdout.splitlines()[:1]}")
    suite.line(not os.path.exists(path), "and removes it")
    done = subprocess.run(short, cwd=job.folder, capture_output=True, text=True, check=False)
    suite.line(done.returncode == 0 and told not in done.stdout, "then there is nothing to tell")
    stopped()
    done = subprocess.run(short + ["--quiet"], cwd=job.folder, capture_output=True, text=True, check=False)
    suite.line(done.returncode == 0 and not done.stdout and not os.path.exists(path), "removed without a word with --quiet")
    for what, content in (("half a checkpoint", None), ("an empty one", b"")):
        stopped()
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) // 2 if content is None else 0)
        done = subprocess.run(short, cwd=job.folder, capture_output=True, text=True, check=False)
        suite.line(done.returncode == 0 and told not in done.stdout and not os.path.exists(path),
                   f"{what} is removed: {done.returncode} {done.stderr.strip()}")
    # A result that only has such a name stays.
    shutil.copy(os.path.join(job.folder, "whole.h5"), path)
    done = subprocess.run(short, cwd=job.folder, capture_output=True, text=True, check=False)
    suite.line(done.returncode == 0 and told not in done.stdout and os.path.exists(path), "a result of that name is kept")
    # In a sweep too.
    folder = os.path.join(job.folder, "sw")
    os.makedirs(folder)
    os.remove(path)
    stopped()
    shutil.move(path, os.path.join(folder, "duration=1_fs.chk.h5"))
    done = job.start("run", "s.yaml", "-o", "sw", "--sweep", "propagation.duration=1 fs")
    suite.line(job.wait(done) == 0 and sorted(os.listdir(folder)) == ["duration=1_fs.h5", "index.csv"],
               f"in a sweep: {sorted(os.listdir(folder))}")


def refusals(suite):
    """Files that are no checkpoints, damaged ones, and inputs that have changed."""
    job = job_of(suite, "interaction")
    with open(os.path.join(job.folder, "e.dat"), "w", encoding="utf-8") as file:
        file.write("0 0\n40 1e-3\n200 0\n")
    table = dict(CASES["interaction"], field=[{"kind": "table", "file": "e.dat"}])
    with open(os.path.join(job.folder, "table.yaml"), "w", encoding="utf-8") as file:
        json.dump(table, file)
    process = job.start("run", "table.yaml", "-o", "t.h5", "--set", "output.checkpoint.every=0.01 s")
    path = os.path.join(job.folder, "t.chk.h5")
    while process.poll() is None and not os.path.exists(path):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    suite.equal("stopped", job.wait(process), 75, 0, "exit status of SIGTERM")
    with open(path, "rb") as file:
        whole = file.read()

    def refused(what, status, text, content=whole, name="t.chk.h5"):
        with open(os.path.join(job.folder, name), "wb") as file:
            file.write(content)
        before = numbers(os.path.join(job.folder, "whole.h5"))
        told = job.start("run", "--restart", name)
        got = job.wait(told)
        suite.line(got == status and text in told.said and not job.hidden() and
                   before == numbers(os.path.join(job.folder, "whole.h5")),
                   f"{what}: status {got} (expected {status}), {told.said.strip()}")

    refused("half a file", 3, "t.chk.h5: error: ", whole[:len(whole) // 2])
    refused("an empty file", 3, "not an HDF5 file", b"")
    with open(os.path.join(job.folder, "whole.h5"), "rb") as file:
        refused("a result", 2, "not a checkpoint", file.read(), "r.chk.h5")
    with open(os.path.join(job.folder, "s.yaml"), "rb") as file:
        refused("a scenario", 3, "not an HDF5 file", file.read())
    with open(path, "wb") as file:
        file.write(whole)
    # A file that h5py has changed has lost its seal.
    with h5py.File(path, "r+") as file:
        file["checkpoint"].attrs["program"] = "0.0.1"
    with open(path, "rb") as file:
        refused("another version", 2, "by keldrift 0.0.1", file.read())
    with open(path, "wb") as file:
        file.write(whole)
    with h5py.File(path, "r+") as file:
        del file["checkpoint/y_0"]
        file["checkpoint/y_0"] = np.zeros(7)
    with open(path, "rb") as file:
        refused("another size", 3, "holds 7 numbers", file.read())
    dice = random.Random(SEED)
    for _ in range(5):
        content = bytearray(whole)
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        refused("one bit", 3, "", bytes(content))
    os.rename(os.path.join(job.folder, "e.dat"), os.path.join(job.folder, "gone.dat"))
    refused("an input file is gone", 3, "e.dat")
    with open(os.path.join(job.folder, "e.dat"), "w", encoding="utf-8") as file:
        file.write("0 0\n40 2e-3\n200 0\n")
    refused("an input file has changed", 2, "e.dat: error: the file has changed")
    os.rename(os.path.join(job.folder, "gone.dat"), os.path.join(job.folder, "e.dat"))
    with open(path, "wb") as file:
        file.write(whole)
    told = job.start("run", "--restart", "t.chk.h5", "--set", "propagation.duration=1 fs")
    suite.line(job.wait(told) == 2 and "--set" in told.said, f"--set: {told.said.strip()}")
    told = job.start("run", "--restart", "t.chk.h5")
    suite.equal("the checkpoint itself", job.wait(told), 0, 0, "it goes on: " + told.said)


def full_disk(suite):
    """Without room for the result: status 3, and the last checkpoint stays."""
    job = job_of(suite, "splitting")
    size = os.path.getsize(os.path.join(job.folder, "whole.h5"))

    def little_room():
        # As a shell would start it; Python ignores the signal.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    process = job.start("run", "s.yaml", "-o", "cut.h5", "--set", "output.checkpoint.every=0.01 s",
                        preexec_fn=little_room)
    status = job.wait(process)
    suite.line(status == 3 and "File too large" in process.said, f"no room: {process.said.strip()}")
    suite.line(not job.opens() and not job.hidden() and
               not os.path.exists(os.path.join(job.folder, "cut.h5")),
               f"files: {sorted(os.listdir(job.folder))}")
    suite.line(os.path.exists(os.path.join(job.folder, "cut.chk.h5")), "a checkpoint is left")
    suite.equal("with room again", job.wait(job.start("run", "--restart", "cut.chk.h5")), 0, 0,
                "it goes on")
    suite.line(not differing(job.want, numbers(os.path.join(job.folder, "cut.h5"))), "same bits")


def lost_folder(suite):
    """The folder of the output vanishes, or cannot be written to."""
    job = job_of(suite, "interaction")
    folder = os.path.join(job.folder, "out")
    os.makedirs(folder)
    process = job.start("run", "s.yaml", "-o", "out/r.h5")
    while process.poll() is None and not os.listdir(folder):
        time.sleep(0.02)
    time.sleep(0.2)
    shutil.rmtree(folder)
    process.send_signal(signal.SIGTERM)
    status = job.wait(process)
    suite.line(status == 3 and "out/r.chk.h5" in process.said,
               f"a stop without a folder: {status}, {process.said.strip()}")
    # The result is complete, but cannot take its name.
    for what, change, words, kept in (
            ("removed", shutil.rmtree, "the result is lost", False),
            ("moved", lambda name: os.rename(name, name + "2"), "; the result is " + folder + "2/.r.h5.", True)):
        os.makedirs(folder)
        process = job.start("run", "s.yaml", "-o", "out/r.h5")
        while process.poll() is None and not os.listdir(folder):
            time.sleep(0.005)
        change(folder)
        status = job.wait(process)
        place = process.said.strip().rsplit(" ", 1)[-1]
        suite.line(status == 3 and words in process.said and
                   (not kept or not differing(job.want, numbers(place))),
                   f"the folder was {what}: {status}, {process.said.strip()}")
    process = job.start("run", "s.yaml", "-o", "out/r.h5")
    suite.line(job.wait(process) == 3 and "out/r.h5: error: cannot create" in process.said,
               f"no folder: {process.said.strip()}")
    process = job.start("run", "s.yaml", "-o", "/proc/r.h5")
    suite.line(job.wait(process) == 3 and "/proc/r.h5: error: " in process.said,
               f"a folder that takes no files: {process.said.strip()}")


def reruns(suite):
    """The scenario in a result gives the same result."""
    job = job_of(suite, "interaction")
    os.makedirs(os.path.join(job.folder, "deep"))
    with open(os.path.join(job.folder, "deep", "e.dat"), "w", encoding="utf-8") as file:
        file.write("0 0\n40 1e-3\n200 0\n")
    table = dict(CASES["interaction"], field=[{"kind": "table", "file": "e.dat"}],
                 propagation={"duration": "20 fs"})
    with open(os.path.join(job.folder, "deep", "t.yaml"), "w", encoding="utf-8") as file:
        json.dump(table, file)
    for source, result in (("s.yaml", "a.h5"), ("deep/t.yaml", "b.h5")):
        again = "again_" + result
        suite.equal(source, job.wait(job.start("run", source, "-o", result)), 0, 0, "runs")
        process = job.start("run", result, "-o", again)
        suite.equal("run " + result, job.wait(process), 0, 0, "runs: " + process.said)
        first, second = os.path.join(job.folder, result), os.path.join(job.folder, again)
        suite.line(not differing(numbers(first), numbers(second)), f"{result} again, same bits")
        with h5py.File(first) as one, h5py.File(second) as two:
            suite.line(one["scenario"][()] == two["scenario"][()] and
                       one.attrs["scenario_folder"] == two.attrs["scenario_folder"],
                       "the same resolved scenario")
        checked = suite.execute(["check", first])
        suite.line(checked.returncode == 0 and "propagation:" in checked.stdout, "check " + result)
    changed = job.start("run", "b.h5", "-o", "c.h5", "--set", "field.0.file=e.dat")
    suite.line(job.wait(changed) == 0 and not differing(
        numbers(os.path.join(job.folder, "b.h5")), numbers(os.path.join(job.folder, "c.h5"))),
        "a relative file is that beside the scenario")


def strict(suite):
    """--strict: warnings are exit status 4, and the result is there."""
    # A grid that does not resolve f at low temperature.
    coarse = {"model": SSH, "grid": {"k": [8]},
              "initial": {"kind": "equilibrium", "temperature": "10 K", "chemical_potential": "0.2 eV"},
              "propagation": {"duration": "1 fs"}}
    suite.write("coarse.yaml", json.dumps(coarse))
    loose = suite.execute(["run", "coarse.yaml", "-o", "loose.h5"])
    suite.line(loose.returncode == 0 and "warning: " in loose.stdout, "a warning alone is no error")
    hard = suite.execute(["run", "coarse.yaml", "-o", "hard.h5", "--strict", "--quiet"])
    suite.line(hard.returncode == 4 and "with --strict" in hard.stderr and
               "warning: " in hard.stderr, f"status {hard.returncode}: {hard.stderr.strip()}")
    suite.line(not differing(numbers(suite.path("loose.h5")), numbers(suite.path("hard.h5"))),
               "the result is written")
    fine = dict(coarse, grid={"k": [64]}, initial=CASES["interaction"]["initial"])
    suite.write("fine.yaml", json.dumps(fine))
    good = suite.execute(["run", "fine.yaml", "-o", "fine.h5", "--strict"])
    suite.equal("no warning", good.returncode, 0, 0, "status " + good.stderr)


harness.main([kills, requests, in_setup, stale, refusals, full_disk, lost_folder, reruns, strict])
