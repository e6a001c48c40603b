#!/usr/bin/python3
"""`keldrift new`: every starting scenario is written, checked and run as a user would, without a
warning; nothing is replaced. Called as new.py PATH_TO_KELDRIFT [SOURCE_ROOT]."""

import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness  # noqa: E402

HBAR = 0.6582119569


def questions(suite):
    listed = suite.execute(["new"]).stdout
    return [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]


def every_template_runs(suite):
    names = questions(suite)
    suite.line(len(names) >= 8, f"questions: {names}")
    for name in names:
        written = suite.execute(["new", name])
        suite.line(written.returncode == 0 and os.path.exists(suite.path(name + ".yaml")),
                   f"new {name}: {written.stdout.strip()}{written.stderr.strip()}")
        checked = suite.execute(["check", name + ".yaml"])
        suite.line(checked.returncode == 0 and "warning" not in checked.stdout,
                   f"check {name}: {checked.stderr.strip()}")
        suite.write("resolved.yaml", checked.stdout)
        again = suite.execute(["check", "resolved.yaml"])
        suite.line(again.stdout == checked.stdout, f"what check prints is a scenario: {again.stderr.strip()}")
        done = suite.execute(["run", name + ".yaml", "--threads", "1"])
        suite.line(done.returncode == 0 and "warning" not in done.stdout
                   and os.path.exists(suite.path(name + ".h5")),
                   f"run {name}: {done.stderr.strip()} {done.stdout.strip().splitlines()[-1:]}")
        with open(suite.path(name + ".yaml"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        suite.line(lines[0].startswith("# ") and all(len(line) <= 110 for line in lines),
                   f"{name}: begins with its question, at most 110 columns")
    done = suite.execute(["steady", "dc.yaml", "-o", "dc_steady.h5", "--quiet"])
    suite.line(done.returncode == 0, f"steady dc.yaml: {done.stderr.strip()}")


def what_their_comments_say(suite):
    population = harness.Result(suite.path("zener.h5")).trace("population")[-1]
    want = math.exp(-math.pi * 0.1**2 / (HBAR * 5 * 5e-3))
    suite.equal("zener: the population that has crossed", population[1], want, 2e-3,
                "the packet starts at 6.6 gaps: the tail of the crossing outside is below 1 %")
    # J_x/E_x after 4 ps, 4 scattering times of about 1 ps, approaches what steady says.
    current = harness.Result(suite.path("dc.h5")).trace("current")[-1][0]
    steady = harness.Result(suite.path("dc_steady.h5"))["/steady/conductivity"][0][0]
    suite.equal("dc: J_x/E_x at the end over that of steady", current / 1e-8 / steady, 1, 0.05,
                "exp(-4) of the current is missing")


def nothing_is_replaced(suite):
    path = suite.path("zener.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("mine")
    done = suite.execute(["new", "zener"])
    with open(path, encoding="utf-8") as file:
        kept = file.read()
    suite.line(done.returncode == 3 and kept == "mine" and done.stderr ==
               "zener.yaml: error: cannot create the file: it exists (expected a new name)\n",
               f"a file that exists: {done.stderr.strip()}")
    os.mkdir(suite.path("folder"))
    done = suite.execute(["new", "wannier90", "-o", "folder/silicon.yaml"])
    good = done.returncode == 0 and sorted(os.listdir(suite.path("folder"))) == ["example_tb.dat",
                                                                               "silicon.yaml"]
    with open(suite.path("folder/silicon.yaml"), encoding="utf-8") as file:
        text = file.read()
    suite.line(good and "file: silicon.h5" in text and "run silicon.yaml" in text
               and "kind: wannier90" in text, "the result is named after the file")
    again = suite.execute(["new", "wannier90", "-o", "folder/second.yaml"])
    suite.line(again.returncode == 0, "a data file with the same content is no obstacle")
    with open(suite.path("folder/example_tb.dat"), "w", encoding="utf-8") as file:
        file.write("mine")
    again = suite.execute(["new", "wannier90", "-o", "folder/third.yaml"])
    suite.line(again.returncode == 3 and "folder/example_tb.dat: error: cannot create the file: it "
               "exists" in again.stderr and not os.path.exists(suite.path("folder/third.yaml")),
               f"another data file of that name: {again.stderr.strip()}")
    for arguments, status, message in [
            (["new", "zenner"], 2, "unknown question, did you mean zener?: zenner"),
            (["new", "qqqqqqqq"], 2, "unknown question: qqqqqqqq"),
            (["new", "-o", "x.yaml"], 2, "new needs a question with -o: x.yaml"),
            (["new", "zener", "-o", "no/where.yaml"], 3,
             "no/where.yaml: error: cannot create the file: No such file or directory"),
            (["new", "zener", "-o", ""], 2, "an option needs a file name: -o"),
            (["new", "zener", "dc"], 2, "new takes no more than 1 name: dc")]:
        done = suite.execute(arguments)
        suite.line(done.returncode == status and message in done.stderr,
                   f"{arguments}: {done.stderr.strip()}")


if __name__ == "__main__":
    harness.main([every_template_runs, what_their_comments_say, nothing_is_replaced])
