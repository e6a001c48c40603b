#!/usr/bin/python3
"""What is made from the tables of commands and keys: help, manual page, completion, info, describe. Called
as tables.py PATH_TO_KELDRIFT [SOURCE_ROOT]."""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness  # noqa: E402

COMMANDS = ["new", "check", "run", "steady", "describe", "info", "compare"]
SCENARIO = {"title": "two bands", "model": {"kind": "ssh", "t1": "1 eV", "t2": "0.8 eV",
                                            "lattice_constant": "3 angstrom"},
            "grid": {"k": [8]}, "initial": {"kind": "equilibrium", "temperature": "300 K", "filling": 1},
            "field": [{"kind": "constant", "amplitude": "1 MV/cm"}], "propagation": {"duration": "4 fs"},
            "output": {"every": "1 fs"}}


def help_texts(suite):
    every = suite.execute(["--help"])
    suite.line(every.returncode == 0 and every.stderr == ""
               and re.findall(r"^  ([a-z]+) ", every.stdout, re.M) == COMMANDS,
               "--help lists the commands, and not the hidden one")
    nothing = suite.execute([])
    suite.line(nothing.returncode == 2 and nothing.stderr == every.stdout and nothing.stdout == "",
               "without a command the same text is an error")
    for name in COMMANDS:
        done = suite.execute([name, "--help"])
        other = suite.execute(["help", name])
        options = set(re.findall(r"--[a-z]+", "".join(line for line in done.stdout.splitlines(True)
                                                      if line.startswith(("  -", "usage")))))
        suite.line(done.returncode == 0 and done.stdout == other.stdout and
                   done.stdout.startswith(f"usage: keldrift {name}") and
                   all(done.stdout.count(option) >= 1 for option in options),
                   f"{name} --help: {sorted(options)}")
        suite.line(max(map(len, done.stdout.splitlines())) <= 100, f"{name} --help: at most 100 columns")
    for width in (50, 72):
        narrow = subprocess.run([suite.program, "describe", "collisions"], capture_output=True, text=True,
                                check=True, env={**os.environ, "COLUMNS": str(width)}).stdout
        longest = max(map(len, narrow.splitlines()))
        suite.line(width - 15 < longest <= width, f"describe in {width} columns: longest line {longest}")
    suite.line("Kinds: chain, square, cubic" in suite.execute(["describe", "model"]).stdout,
               "describe model begins with the list of its kinds")


def manual(suite):
    page = suite.execute(["describe", "--man"]).stdout
    suite.write("keldrift.1", page)
    headings = re.findall(r"^\.S[HS] (.*)$", page, re.M)
    suite.line(headings == ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", *COMMANDS, "SCENARIO", "EXIT STATUS",
                            "ENVIRONMENT"], f"sections: {headings}")
    missing = []
    for name in COMMANDS:
        for option in re.findall(r"^  (?:-\w, )?(--[a-z]+)", suite.execute([name, "--help"]).stdout, re.M):
            if option.replace("-", "\\-") not in page:
                missing.append(option)
    suite.line(not missing, f"every option is in the manual page, but {missing}")
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", suite.path("keldrift.1")],
                              capture_output=True, text=True, check=False)
        suite.line(done.returncode == 0 and not done.stderr, f"groff -ww says: {done.stderr.strip()}")


def complete(suite, line, expected, through_bash=True):
    """What the last word of a command line may become; by the program, and by bash with the script."""
    words = line.split(" ")
    done = suite.execute(["complete", "--", *words[1:]])
    offered = done.stdout.split()
    suite.line(done.returncode == 0 and expected <= set(offered), f"{line!r}: {offered[:8]}")
    if not through_bash:
        return
    script = os.path.join(suite.source_root, "completions", "keldrift")
    quoted = " ".join("'" + word + "'" for word in words)
    code = (f"source {script}\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words) - 1}\n_keldrift\n"
            'printf "%s\\n" "${COMPREPLY[@]}"')
    path = os.path.dirname(suite.program) + os.pathsep + os.environ["PATH"]
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False, cwd=suite.folder,
                          env={**os.environ, "PATH": path})
    suite.line(expected - {"FILE"} <= set(done.stdout.split()) and not done.stderr,
               f"{line!r} in bash: {done.stdout.split()[:8]} {done.stderr.strip()}")


def completion(suite):
    complete(suite, "keldrift ", set(COMMANDS) | {"--help", "--version"})
    complete(suite, "keldrift com", {"compare"})
    complete(suite, "keldrift run --s", {"--set", "--sweep"})
    complete(suite, "keldrift run S.yaml --set prop", {"propagation."})
    complete(suite, "keldrift run S.yaml --set propagation.r", {"propagation.rtol="})
    complete(suite, "keldrift run S.yaml --sweep field.0.amp", {"field.0.amplitude="})
    complete(suite, "keldrift run S.yaml --set collisions.terms.0.", {"collisions.terms.0.coupling="})
    complete(suite, "keldrift describe model.graph", {"model.graphene"})
    complete(suite, "keldrift describe model.graphene.", {"model.graphene.t"})
    complete(suite, "keldrift new ze", {"zener"})
    complete(suite, "keldrift info ", {"FILE"}, through_bash=False)
    complete(suite, "keldrift run ", {"FILE"}, through_bash=False)
    for line in ("keldrift nothing x", "keldrift run --set nothing.at.all", "keldrift run --threads "):
        complete(suite, line, set(), through_bash=False)


def summary(suite):
    result = suite.run(SCENARIO)
    text = suite.execute(["info", "run001.h5"]).stdout
    for part in ["  title     two bands\n", "  model     ssh, 2 bands\n", "  grid      k 8\n",
                 "  time      0 .. 4 fs, 5 frames\n", "\nConserved quantities\n", "  number         1, drift ",
                 "\nFirst and last values of the traces\n", "\nWarnings: ", "\nDatasets: ", "\nRun\n"]:
        suite.line(part in text, f"info has {part!r}")
    population = result.trace("population")
    line = next(line for line in text.splitlines() if line.startswith("  population "))
    got = [float(x) for x in re.findall(r"[-+.e0-9]+\d", line.split(None, 1)[1])]
    suite.equal("first and last populations", got, [*population[0], *population[-1]], 1e-5,
                "printed with six digits")
    order = [text.index(part) for part in ("Conserved", "First and last", "Warnings", "Datasets", "\nRun\n")]
    suite.line(order == sorted(order), "what people ask first comes first")


if __name__ == "__main__":
    harness.main([help_texts, manual, completion, summary])
