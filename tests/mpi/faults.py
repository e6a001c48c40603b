#!/usr/bin/python3
"""Runs on two processes that are stopped or killed at random moments, and that run out of disk: what is
left opens, and a restart ends with the bits of the run that was left alone.

Called as faults.py PATH_TO_KELDRIFT [SOURCE_ROOT]. The environment variable KELDRIFT_KILLS sets the
number of kills (default 6), KELDRIFT_SEED the random numbers."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import ranks  # noqa: E402  (the environment of mpirun, harness)
from ranks import EVERYWHERE, HOMOGENEOUS, PACKET, harness  # noqa: E402

N_KILL = int(os.environ.get("KELDRIFT_KILLS", "6"))
SEED = int(os.environ.get("KELDRIFT_SEED", "1"))

# R shared out, without collisions and with them at every R; tau shared out. A second each.
CASES = {
    "packet": {**PACKET, "grid": {"k": [180], "r": {"points": [140], "length": ["2800 angstrom"]}},
               "propagation": {"duration": "30 fs", "step": "0.1 fs"}},
    "collisions at every R": {**EVERYWHERE, "grid": {"k": [40], "r": {"points": [14], "length": ["420 angstrom"]}},
                              "propagation": {"duration": "20 fs", "step": "0.1 fs"}},
    "tau shared": {**HOMOGENEOUS, "propagation": {"duration": "60 fs", "rtol": 1e-7, "atol": 1e-9}},
}
# Three seconds each, for mpirun takes more than one to pass TERM on.
LONG = {"packet": "150 fs", "collisions at every R": "300 fs", "tau shared": "900 fs"}
# Exit statuses of mpirun: that of the process that ended first, 128 + signal where one was killed (TERM kills
# before a run answers signals); 1 where mpirun itself was told to end, which passes TERM on.
STATUS = {"TERM of mpirun": (1,), "KILL of mpirun": (-signal.SIGKILL,),
          "TERM of a process": (75, 128 + signal.SIGTERM), "KILL of a process": (128 + signal.SIGKILL,)}


def children(launcher):
    """The processes that mpirun has started."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == launcher.pid:
                    found.append(int(entry))
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    return sorted(found)


def wait_for_the_end(processes, limit=60):
    """Processes whose mpirun is gone notice it, and end."""
    end = time.monotonic() + limit
    while any(os.path.exists(f"/proc/{pid}") for pid in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Job:
    """One scenario on two processes, run in a folder of its own."""

    def __init__(self, suite, name, scenario, folder=None):
        self.suite, self.name = suite, name
        self.folder = folder or suite.path(name.replace(" ", "_"))
        os.makedirs(self.folder, exist_ok=True)
        with open(self.path("s.yaml"), "w", encoding="utf-8") as file:
            json.dump(scenario, file)
        begin = time.monotonic()
        assert self.wait(self.start("run", "s.yaml", "-o", "whole.h5")) == 0
        self.seconds = time.monotonic() - begin
        self.want = ranks.everything(self.path("whole.h5"))[0]
        print(f"     {name}: {self.seconds:.1f} s")

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *arguments, **more):
        return subprocess.Popen(["mpirun", "-n", "2", self.suite.program, *arguments, "--quiet", "--threads", "1"],
                                cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **more)

    @staticmethod
    def wait(run):
        """The exit status; None for a run that does not end, which is killed then."""
        try:
            _, run.said = run.communicate(timeout=120)
            return run.returncode
        except subprocess.TimeoutExpired:
            ranks.kill_all(run)
            run.said = "no end after 120 s"
            return None

    def problems(self):
        """Files that do not open; hidden ones are unfinished."""
        found = []
        for name in os.listdir(self.folder):
            if name.endswith(".h5") and not name.startswith("."):
                try:
                    ranks.h5py.File(self.path(name), "r").close()
                    done = self.suite.execute(["info", self.path(name)])
                    if done.returncode != 0:
                        found.append(f"{name}: {done.stderr.strip()}")
                except OSError as problem:
                    found.append(f"{name}: {problem}")
        return found

    def reached(self):
        """The time that the checkpoint holds; -1 without one."""
        try:
            with ranks.h5py.File(self.path("cut.chk.h5"), "r") as file:
                return float(file["checkpoint"].attrs["time"])
        except OSError:
            return -1.0

    def differing(self, name):
        got = ranks.everything(self.path(name))[0]
        return [key for key in sorted(set(got) | set(self.want))
                if key not in got or key not in self.want or got[key].tobytes() != self.want[key].tobytes()]

    def hidden(self):
        return [name for name in os.listdir(self.folder) if name.startswith(".")]


def hit(run, kind, dice):
    """Signals mpirun or one of its processes; returns the processes."""
    processes = children(run)
    number = getattr(signal, "SIG" + kind[:4])
    try:
        if kind.endswith("mpirun"):
            run.send_signal(number)
        elif processes:
            os.kill(dice.choice(processes), number)
    except ProcessLookupError:
        pass  # it has ended meanwhile
    return processes


def kills(suite):
    """Signals at random moments of a run, and of what is left of it."""
    dice = random.Random(SEED)
    jobs = [Job(suite, name, {**case, "propagation": {**case["propagation"], "duration": LONG[name]}})
            for name, case in CASES.items()]
    count = dict.fromkeys(STATUS, 0)
    resumed = turn = 0
    kinds = list(STATUS)
    while sum(count.values()) < N_KILL:
        job = jobs[turn % len(jobs)]
        turn += 1
        said = []
        # Each takes longer than a step where processes wait for processors.
        arguments = ["run", "s.yaml", "-o", "cut.h5", "--set", f"output.checkpoint.every={job.seconds / 12:.3f} s"]
        status = None
        for _ in range(4):
            before = job.reached()
            run = job.start(*arguments)
            time.sleep(dice.uniform(0.1, 1.0) * job.seconds)
            kind = kinds[(sum(count.values()) + dice.randrange(2)) % len(kinds)]
            processes = hit(run, kind, dice)
            status = job.wait(run)
            if not wait_for_the_end(processes):
                said.append(f"processes stay after {kind}")
            said += job.problems()
            if status == 0 or os.path.exists(job.path("cut.h5")):
                status = 0
                break  # it was through before
            count[kind] += 1
            if status not in STATUS[kind]:
                said.append(f"exit status {status} after {kind}: {run.said.strip()}")
            if job.reached() < before:
                said.append(f"{kind}: the checkpoint at t = {before} fs is lost")
            if job.reached() >= 0:
                resumed += 1
                arguments = ["run", "--restart", "cut.chk.h5"]
        if status != 0:
            run = job.start(*arguments)
            status = job.wait(run)
        if status != 0:
            said.append(f"exit status {status}: {run.said.strip()}")
        else:
            said += job.differing("cut.h5") + job.hidden()
            if job.reached() >= 0:
                said.append("the checkpoint is still there")
            os.remove(job.path("cut.h5"))
        suite.line(not said, f"{job.name}, same bits: {said or 'yes'}")
    print(f"     {count}, {resumed} times resumed")
    suite.above("runs that went on from a checkpoint", resumed, 0.3 * N_KILL, "else the moments were not random")


def little_disk(suite, check):
    """Calls check(folder, fill) with a folder on a disk of its own of 60 MB, where this process may mount one."""
    folder = suite.path("disk")
    os.makedirs(folder)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        print("     no disk of its own: mounting is not allowed here")
        return

    def fill():
        with open(os.path.join(folder, "fill"), "wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)) == 1 << 16:
                    pass
            except OSError:
                pass  # full

    try:
        check(folder, fill)
    finally:
        subprocess.run(["umount", folder], check=False)


def frames_behind_a_checkpoint(suite):
    """A run writes frames while the window of steps that it would go on from has not ended."""
    job = Job(suite, "many frames", {**CASES["tau shared"], "output": {"every": "0.5 fs"}})
    behind = 0
    for part in (0.5, 0.6, 0.7, 0.8, 0.4):
        run = job.start("run", "s.yaml", "-o", "cut.h5")
        time.sleep(part * job.seconds)
        hit(run, "TERM of a process", random.Random(SEED))
        job.wait(run)
        if job.reached() >= 0:
            with ranks.h5py.File(job.path("cut.chk.h5"), "r") as file:
                behind = int((file["traces/time"][:] > job.reached()).sum())
        if behind > 0:
            break
    suite.above("frames behind the checkpoint", behind, 1, "otherwise nothing is tested")
    suite.equal("restart", job.wait(job.start("run", "--restart", "cut.chk.h5")), 0, 0, "it goes on")
    suite.line(not job.differing("cut.h5"), f"same bits: {job.differing('cut.h5') or 'yes'}")


def out_of_room(suite, job, run, what, has_checkpoint):
    """The run has found no room: exit status 3, one line, and what was there is there."""
    status = job.wait(run)
    lines = [line for line in run.said.split("\n") if "error:" in line]
    suite.line(status == 3 and len(lines) == 1 and "cannot write" in lines[0],
               f"{what}: exit status {status}, {lines}")
    suite.line(not job.problems() and not job.hidden() and not os.path.exists(job.path("cut.h5")),
               f"{what}: {job.problems() or 'what is left opens'}, {sorted(os.listdir(job.folder))}")
    if not has_checkpoint:
        return
    suite.line(job.reached() >= 0, f"{what}: a checkpoint is left, at t = {job.reached()} fs")


def full_disk(suite):
    """A disk that others fill up while a run writes on it; and a file that may not grow any more."""
    scenario = {**CASES["packet"], "output": {"every": "0.5 fs", "snapshots": {"every": "0.5 fs"}}}

    def check(folder, fill):
        job = Job(suite, "full disk", scenario, folder)
        os.remove(job.path("whole.h5"))
        for part in (0.2, 0.7):
            run = job.start("run", "s.yaml", "-o", "cut.h5", "--set", "output.checkpoint.every=0.05 s")
            while job.reached() < 0 and run.poll() is None:
                time.sleep(0.02)
            time.sleep(part * 0.3 * job.seconds)
            fill()
            if run.poll() == 0:
                job.wait(run)  # it was through before
                os.remove(job.path("fill"))
                continue
            out_of_room(suite, job, run, "a full disk", True)
            os.remove(job.path("fill"))
            suite.equal("with room again", job.wait(job.start("run", "--restart", "cut.chk.h5")), 0, 0, "it goes on")
            suite.line(not job.differing("cut.h5"), f"same bits: {job.differing('cut.h5') or 'yes'}")
            os.remove(job.path("cut.h5"))
        fill()
        out_of_room(suite, job, job.start("run", "s.yaml", "-o", "cut.h5"), "full from the start", False)

    little_disk(suite, check)
    job = Job(suite, "full disk", scenario)
    size = os.path.getsize(job.path("whole.h5"))
    run = job.start("run", "s.yaml", "-o", "cut.h5", "--set", "output.checkpoint.every=0.05 s",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2)))
    out_of_room(suite, job, run, "a file that may not grow", True)


if __name__ == "__main__":
    harness.main([kills, frames_behind_a_checkpoint, full_disk])
