#!/usr/bin/python3
"""Executes the commands of the documents: README, docs/, the READMEs of the scenarios, and the comments of the
starting scenarios. Called as documents.py PATH_TO_KELDRIFT [SOURCE_ROOT].

Blocks of commands run as they stand in a shell, in a folder where `build/keldrift` is a stand-in that gives
`run` and `steady` small grids and short durations, so that names of files, keys, values and options are tested, and
numbers are not. Blocks of YAML in the README that are whole scenarios are checked. Left out are the commands that
build and test the program itself, and figures of scenarios, whose scripts have tests of their own.
"""

import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness  # noqa: E402

# What builds, tests or measures the program: it has built it and is testing it.
LEFT_OUT = re.compile(r"meson |ninja |scripts/(run|test|build|setup|valgrind|docs|format|fuzz|mutate)\b|benchmarks/"
                      r"|apt|dpkg|gcc|cc |mpirun|git ")
COMMAND = re.compile(r"\s*((build/)?keldrift (new|run|steady|check|describe|info|compare)\b|scripts/[a-z_]+ )")
# The figures of single scenarios need their grids.
FIGURE = re.compile(r"\s*(scripts/|scenarios/\S*\.py)")

STAND_IN = """#!/usr/bin/python3
import re, subprocess, sys
program, words = {program!r}, sys.argv[1:]
more = []
if words and words[0] in ("run", "steady") and not {{"--sweep", "--restart"}} & set(words):
    given = [w for i, w in enumerate(words) if words[i - 1] == "--set"]
    plain = [words[1]] + [w for text in given for w in ("--set", text)]
    text = subprocess.run([program, "check", *plain], capture_output=True, text=True).stdout
    grid = re.search(r"^grid:\\n  k: \\[(.*)\\]", text, re.M)
    if grid:
        more += ["--set", "grid.k=[" + ", ".join("8" if int(n) > 8 else n.strip()
                                                for n in grid[1].split(",")) + "]"]
    points = re.search(r"^  r:\\n    points: \\[(.*)\\]", text, re.M)
    if points:
        more += ["--set", "grid.r.points=[" + ", ".join("8" for _ in points[1].split(",")) + "]"]
    duration = re.search(r"^  duration: ([-+.e0-9]+)(.*)$", text, re.M)
    if duration:
        more += ["--set", f"propagation.duration={{0.01 * float(duration[1])}}{{duration[2]}}"]
    more += ["--threads", "1"]
sys.exit(subprocess.run([program, *words, *more]).returncode)
"""


def blocks(text):
    """(first line, lines) of every block that is fenced as sh or indented by four."""
    found, block, fence, start = [], [], None, 0
    for number, line in enumerate(text.splitlines() + [""], 1):
        mark = re.match(r"\s*```(\w*)", line)
        if mark and fence is None:
            fence, block, start = mark[1], [], number + 1
        elif mark:
            if fence in ("sh", "bash", "console"):
                found.append((start, block))
            fence, block = None, []
        elif fence is not None:
            block.append(line)
        elif line.startswith("    "):
            if not block:
                start = number
            block.append(line[4:])
        elif block:
            found.append((start, block))
            block = []
    return found


def prepare(suite):
    """The folder of the test as a checkout with a small program."""
    os.mkdir(suite.path("build"))
    suite.write("build/keldrift", STAND_IN.format(program=suite.program))
    os.chmod(suite.path("build/keldrift"), 0o755)
    for name in ("scenarios", "scripts", "docs"):
        os.symlink(os.path.join(suite.source_root, name), suite.path(name))


def execute(suite, name, lines):
    environment = {**os.environ, "PATH": suite.path("build") + os.pathsep + os.environ["PATH"],
                   "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    done = subprocess.run(["bash", "-eu"], input="\n".join(lines) + "\n", cwd=suite.folder, env=environment,
                          capture_output=True, text=True, check=False, timeout=200)
    # What `check` says about small grids is not of interest here; errors are.
    suite.line(done.returncode == 0, f"{name}: exit {done.returncode} {done.stderr.strip()[-600:]}")


def run_blocks(suite, page, with_scripts):
    with open(os.path.join(suite.source_root, page), encoding="utf-8") as file:
        text = file.read()
    count, variables = 0, []
    for number, lines in blocks(text):
        kept = [line for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).split("\n")
                if not LEFT_OUT.search(line) and (with_scripts or not FIGURE.match(line))]
        if any(COMMAND.match(line) for line in kept):
            execute(suite, f"{page}:{number}", variables + kept)
            count += 1
        # What a block sets, the next ones use.
        variables += [line for line in kept if re.match(r"[A-Z]+=\S+$", line)]
    return count


def stopped_run(suite):
    """NAME.chk.h5 of a run that was killed behind a checkpoint."""
    if not os.path.exists(suite.path("barrier.yaml")):
        suite.execute(["new", "barrier"])
    run = subprocess.Popen([suite.program, "run", "barrier.yaml", "-o", "NAME.h5", "--quiet",
                            "--set", "output.checkpoint.every=0.01 s"], cwd=suite.folder)
    for _ in range(6000):
        if os.path.exists(suite.path("NAME.chk.h5")) or run.poll() is not None:
            break
        time.sleep(0.01)
    run.kill()
    run.wait()
    suite.line(os.path.exists(suite.path("NAME.chk.h5")), "a run that was killed leaves its checkpoint")


def run_python(suite, page):
    """The blocks of Python of a page, one after the other in a fresh interpreter, as a reader in a checkout runs them:
    nothing but the page says where the module is."""
    with open(os.path.join(suite.source_root, page), encoding="utf-8") as file:
        found = re.findall(r"^```python\n(.*?)^```", file.read(), re.M | re.S)
    suite.line(len(found) > 0, f"{page}: {len(found)} blocks of Python")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"KELDRIFT": suite.path("build/keldrift"), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg",
                    "PYTHONDONTWRITEBYTECODE": "1"}
    suite.write("block.py", "\n".join(found))
    # From standard input, so that the folder of a file does not come onto the path.
    with open(suite.path("block.py"), encoding="utf-8") as file:
        done = subprocess.run([sys.executable, "-"], stdin=file, cwd=suite.folder, env=environment, capture_output=True,
                              text=True, check=False, timeout=200)
    suite.line(done.returncode == 0, f"{page}: Python: exit {done.returncode} {done.stderr.strip()[-600:]}")


def readme(suite):
    prepare(suite)
    stopped_run(suite)
    # RESULT.h5 and SCENARIO.yaml stand for a file of the reader: of a kick, in space, with collisions.
    for name in ("optical", "dc"):
        assert suite.execute(["new", name]).returncode == 0
    shutil.copy(suite.path("dc.yaml"), suite.path("SCENARIO.yaml"))
    for name, output, settings in [
            ("optical", "RESULT.h5", ["grid.k=[12, 12]", "output.snapshots.every=1 fs"]),
            ("barrier", "SPACE.h5", ["grid.k=[32]", "grid.r.points=[32]", "propagation.duration=6 fs"])]:
        words = [word for text in settings for word in ("--set", text)]
        done = suite.execute(["run", name + ".yaml", "-o", output, "--quiet", *words])
        suite.line(done.returncode == 0, f"{output}: {done.stderr}")
    with open(os.path.join(suite.source_root, "README.md"), encoding="utf-8") as file:
        text = file.read()
    # A result in space for the script that draws it.
    suite.write("README.part.md", text.replace("scripts/phase_space RESULT.h5", "scripts/phase_space SPACE.h5"))
    root, suite.source_root = suite.source_root, suite.folder
    count = run_blocks(suite, "README.part.md", True)
    suite.source_root = root
    suite.line(count >= 6, f"README: {count} blocks of commands")
    run_python(suite, "README.md")
    number = 0
    for match in re.finditer(r"```yaml\n(.*?)```", text, re.S):
        if "propagation:" not in match[1]:
            continue
        number += 1
        suite.write("block.yaml", re.sub(r"file: silicon_tb.dat", "file: scenarios/silicon_pulse/silicon_tb.dat",
                                         match[1]))
        done = suite.execute(["check", "block.yaml"])
        suite.line(done.returncode == 0, f"README: scenario {number}: {done.stderr.strip()}")


def documents(suite):
    folder = os.path.join(suite.source_root, "docs")
    count = sum(run_blocks(suite, "docs/" + name, True) for name in sorted(os.listdir(folder))
                if name.endswith(".md") and name != "gallery.md")
    suite.line(count > 0, f"docs: {count} blocks of commands")
    run_python(suite, "docs/python.md")


def scenarios(suite):
    folder = os.path.join(suite.source_root, "scenarios")
    count = 0
    for name in sorted(os.listdir(folder)):
        if os.path.isfile(os.path.join(folder, name, "README.md")):
            count += run_blocks(suite, f"scenarios/{name}/README.md", False)
    suite.line(count > 0, f"scenarios: {count} blocks of commands")


def starting_scenarios(suite):
    """The comments of the templates and the examples of --help."""
    for line in suite.execute(["new"]).stdout.splitlines():
        if not line.startswith("  "):
            continue
        name = line.split()[0]
        if not os.path.exists(suite.path(name + ".yaml")):
            suite.execute(["new", name])
        with open(suite.path(name + ".yaml"), encoding="utf-8") as file:
            commands = [text[1:].strip() for text in file if re.match(r"#\s+keldrift ", text)]
        suite.line(len(commands) > 0, f"{name}.yaml: {len(commands)} commands in its comments")
        execute(suite, f"{name}.yaml", commands)
    os.rename(suite.path("zener.yaml"), suite.path("S.yaml"))
    commands = [line.strip() for line in suite.execute(["run", "--help"]).stdout.splitlines()
                if line.startswith("    keldrift")]
    suite.line(len(commands) == 3, f"examples of run --help: {commands}")
    stopped_run(suite)
    for command in commands:
        # The last asks for an operator of the collisions: it has to have some.
        more = " --set 'collisions={broadening: 20 meV, terms: [{kind: impurity, strength: 1 meV}]}'"
        execute(suite, command, [command + (more if "ansatz" in command else "")])


if __name__ == "__main__":
    harness.main([readme, documents, scenarios, starting_scenarios])
