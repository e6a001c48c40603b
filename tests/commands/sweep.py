#!/usr/bin/python3
"""`keldrift run --sweep` and `steady --sweep`: values, files, index, what is kept and what fails. Called as
sweep.py PATH_TO_KELDRIFT [SOURCE_ROOT]."""

import csv
import os
import signal
import subprocess
import sys
import time

import h5py

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness  # noqa: E402

SCENARIO = """title: two levels
model: {kind: ssh, t1: 1 eV, t2: 0.8 eV, lattice_constant: 3 angstrom, positions: [0 angstrom, 1 angstrom]}
grid: {k: [8]}
initial: {kind: equilibrium, temperature: 300 K, filling: 1}
field: [{kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs}]
propagation: {duration: 4 fs}
output: {file: out.h5, every: 1 fs}
"""


def read(suite, name):
    with open(suite.path(name), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def modified(suite, folder):
    return {name: os.stat(suite.path(f"{folder}/{name}")).st_mtime_ns
            for name in os.listdir(suite.path(folder)) if name.endswith(".h5")}


def a_range(suite):
    suite.write("s.yaml", SCENARIO)
    command = ["run", "s.yaml", "--threads", "1", "--sweep", "field.0.amplitude=0.1:0.5:5 MV/cm"]
    done = suite.execute(command)
    suite.line(done.returncode == 0, f"exit status {done.returncode} {done.stderr.strip()}")
    rows = read(suite, "out_sweep/index.csv")
    got = [row["field.0.amplitude [MV/cm]"] for row in rows]
    suite.line(got == ["0.1", "0.2", "0.3", "0.4", "0.5"], f"values of the range: {got}")
    suite.line([row["file"] for row in rows] == [f"amplitude=0.{i}_MV_cm.h5" for i in range(1, 6)],
               f"names of the files: {rows[0]['file']} ...")
    for row in rows:
        result = harness.Result(suite.path("out_sweep/" + row["file"]))
        suite.equal(f"{row['file']}: largest field is the value",
                    abs(result.trace("field")).max(), float(row["field.0.amplitude [MV/cm]"]) / 100, 1e-12,
                    "1 MV/cm = 0.01 V/angstrom; the maximum is a frame")
        suite.equal(f"{row['file']}: final values in the index",
                    [float(row["energy [eV]"]), float(row["population[1]"])],
                    [result.trace("energy")[-1], result.trace("population")[-1][1]], 0,
                    "written in as many digits as give the number back")
    # Once more: nothing to do. One result less and one from another scenario: two runs.
    before = modified(suite, "out_sweep")
    done = suite.execute(command)
    suite.line(modified(suite, "out_sweep") == before and "5 there already" in done.stdout,
               "finished runs are not repeated")
    os.remove(suite.path("out_sweep/amplitude=0.2_MV_cm.h5"))
    other = suite.execute(["run", "s.yaml", "--set", "field.0.amplitude=0.4 MV/cm", "--set",
                           "propagation.rtol=1e-5", "-o", "out_sweep/amplitude=0.4_MV_cm.h5"])
    done = suite.execute(command)
    suite.line(other.returncode == 0 and "2 done, 3 there already" in done.stdout,
               f"a missing and an outdated one: {done.stdout.strip().splitlines()[-1]}")
    again = modified(suite, "out_sweep")
    suite.line(sorted(name for name in again if again[name] != before[name]) ==
               ["amplitude=0.2_MV_cm.h5", "amplitude=0.4_MV_cm.h5"], "only these two were written")
    suite.line(read(suite, "out_sweep/index.csv") == rows, "and the index is the same as before")
    with open(suite.path("out_sweep/amplitude=0.3_MV_cm.h5"), "r+b") as file:
        file.truncate(1000)
    done = suite.execute(command)
    suite.line(done.returncode == 0 and "1 done, 4 there already" in done.stdout,
               f"a damaged result is replaced: {done.stdout.strip().splitlines()[-1]}")


def two_sweeps(suite):
    """The index of other keys is left alone; more values of the same key are taken in."""
    suite.write("s.yaml", SCENARIO)
    command = ["run", "s.yaml", "--threads", "1", "-o", "two", "--sweep"]
    first = suite.execute(command + ["field.0.amplitude=0.1:0.2:2 MV/cm"])
    rows = read(suite, "two/index.csv")
    for values in ("initial.temperature=100,200 K", "field.0.amplitude=10,20 MV/m"):
        other = suite.execute(command + [values])
        suite.line(first.returncode == 0 and other.returncode == 2 and read(suite, "two/index.csv") == rows and
                   other.stderr.startswith('two/index.csv: error: is the index of another sweep (expected one that begins'),
                   f"another sweep into the same folder: {other.stderr.strip()}")
    more = suite.execute(command + ["field.0.amplitude=0.1:0.3:3 MV/cm"])
    suite.line("1 done, 2 there already" in more.stdout and len(read(suite, "two/index.csv")) == 3,
               f"more values: {more.stdout.strip().splitlines()[-1]}")


def replaced(suite):
    """A result of another scenario is not replaced without a word."""
    suite.write("s.yaml", SCENARIO)
    said = []
    for value in ("0.1", "0.1", "0.2"):
        done = suite.execute(["run", "s.yaml", "-o", "one.h5", "--set", f"field.0.amplitude={value} MV/cm"])
        said.append("one.h5 holds the result of another scenario, which this run will replace" in done.stdout)
    suite.line(said == [False, False, True], f"only that of another scenario is told of: {said}")


def a_grid_with_a_failure(suite):
    suite.write("s.yaml", SCENARIO)
    done = suite.execute(["run", "s.yaml", "--quiet", "-o", "grid", "--threads", "1",
                          "--sweep", "grid.k=[4],[0],[8]", "--sweep", "initial.temperature=100,200 K"])
    rows = read(suite, "grid/index.csv")
    suite.line(done.returncode == 2 and [row["state"] for row in rows] ==
               ["done", "done", "failed", "failed", "done", "done"],
               f"one value fails, the others run: exit status {done.returncode}")
    suite.line([(row["grid.k"], row["initial.temperature [K]"]) for row in rows] ==
               [(k, t) for k in ("[4]", "[0]", "[8]") for t in ("100", "200")],
               "the last key varies fastest")
    suite.line(rows[2]["error"].startswith("--set grid.k=[0]: error: grid.k") and
               rows[2]["exit_status"] == "2" and rows[2]["file"] == "" and rows[2]["number"] == "",
               f"why it failed: {rows[2]['error']}")
    suite.line(done.stderr.count("\n") == 2 and done.stdout == "", "an error for each failed run")


def stopped(suite):
    """A signal ends the run in progress with a checkpoint; the same command goes on from there."""
    suite.write("s.yaml", SCENARIO)
    command = ["run", "s.yaml", "--threads", "1", "--quiet", "--sweep", "field.0.amplitude=0.1,0.2 MV/cm",
               "--set", "grid.k=[4000]", "--set", "propagation.rtol=1e-9", "--set", "output.every=0.05 fs"]
    whole = suite.execute(command + ["-o", "whole"])
    process = subprocess.Popen([suite.program] + command + ["-o", "parts"], cwd=suite.folder,
                               stderr=subprocess.PIPE, text=True)
    first = suite.path("parts/amplitude=0.1_MV_cm.h5")
    while process.poll() is None and not os.path.exists(first):
        time.sleep(0.005)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    message = process.communicate(timeout=60)[1]
    suite.line(whole.returncode == 0 and process.returncode == 75 and "stopped in run 2 of 2" in message,
               f"interrupted: exit {process.returncode}, {message.strip()}")
    suite.line(os.path.exists(suite.path("parts/amplitude=0.2_MV_cm.chk.h5")), "a checkpoint of the second run")
    row = read(suite, "parts/index.csv")[1]
    suite.line((row["state"], row["exit_status"]) == ("stopped", "75"), f"index: {row['state']} {row['exit_status']}")
    done = suite.execute(command + ["-o", "parts"])
    parts = [harness.Result(suite.path(f"{folder}/amplitude=0.2_MV_cm.h5")) for folder in ("whole", "parts")]
    suite.line(done.returncode == 0 and not os.path.exists(suite.path("parts/amplitude=0.2_MV_cm.chk.h5")),
               f"once more: exit {done.returncode}, the checkpoint is gone")
    suite.equal("energy of the run in two parts", parts[1].trace("energy"), parts[0].trace("energy"), 0,
                "bit by bit")
    with h5py.File(suite.path("parts/amplitude=0.2_MV_cm.h5")) as file:
        suite.equal("it was restarted", file["run"].attrs["run_restarts"], 1, 0, "once")


def responses(suite):
    """steady --sweep: each response is that of `steady` for the value; runs in its place are replaced."""
    suite.write("s.yaml", SCENARIO + "collisions: {ansatz: matrix, broadening: 60 meV, terms: "
                "[{kind: impurity, strength: 0.2 eV, vertex: onsite}]}\n"
                "observables: [{name: first, re: [[1, 0], [0, 0]]}]\n")
    command = ["s.yaml", "-o", "responses", "--threads", "1", "--sweep", "initial.temperature=400,800 K"]
    done = suite.execute(["steady", *command])
    rows = read(suite, "responses/index.csv")
    suite.line(done.returncode == 0 and len(rows) == 2, f"exit status {done.returncode} {done.stderr.strip()}")
    for row in rows:
        value = row["initial.temperature [K]"]
        suite.execute(["steady", "s.yaml", "--quiet", "--threads", "1", "-o", "one.h5", "--set",
                       f"initial.temperature={value} K"])
        one, result = harness.Result(suite.path("one.h5")), harness.Result(suite.path("responses/" + row["file"]))
        for key in ("conductivity", "user/first"):
            suite.equal(f"{value} K: {key} of the sweep and of steady", result["/steady/" + key],
                        one["/steady/" + key], 0, "the same computation")
        suite.equal(f"{value} K: the index", [float(row["conductivity[0][0] [e angstrom^2/(V fs)]"]),
                                              float(row["user/first[0] [angstrom/V]"])],
                    [one["/steady/conductivity"][0, 0], one["/steady/user/first"][0]], 0,
                    "written in as many digits as give the number back")
    suite.line("0 done, 2 there already" in suite.execute(["steady", *command]).stdout, "responses are kept")
    done = suite.execute(["run", *command])
    suite.line("2 done, 0 there already" in done.stdout, "and are no runs")
    suite.line("2 done, 0 there already" in suite.execute(["steady", *command]).stdout, "nor runs responses")
    strict = suite.execute(["run", "s.yaml", "-o", "strict", "--quiet", "--strict", "--sweep", "grid.k=[2],[3]"])
    warnings = sum(int(row["warnings"]) for row in read(suite, "strict/index.csv"))
    suite.line(warnings > 0 and strict.returncode == 4 and f"{warnings} warnings with --strict" in strict.stderr,
               f"--strict counts the warnings of all runs: {strict.returncode} {strict.stderr.strip()}")


def of_results(suite):
    """The scenario of a result is that of a sweep too."""
    suite.write("s.yaml", SCENARIO + "collisions: {ansatz: matrix, broadening: 60 meV, terms: "
                "[{kind: impurity, strength: 0.2 eV}]}\n")
    for command in ("run", "steady"):
        suite.execute([command, "s.yaml", "--threads", "1", "--quiet", "-o", command + ".h5"])
        texts = []
        for source in ("s.yaml", command + ".h5"):
            done = suite.execute([command, source, "--threads", "1", "--quiet", "-o", f"{command}_{source}",
                                  "--sweep", "grid.k.0=4,8"])
            texts.append(read(suite, f"{command}_{source}/index.csv") if done.returncode == 0 else done.stderr)
        suite.line(texts[0] == texts[1] and len(texts[0]) == 2,
                   f"{command} RESULT --sweep: {texts[1] if texts[0] != texts[1] else 'the same index'}")


def ranges_and_lists(suite):
    suite.write("s.yaml", SCENARIO)
    for number, (text, key, want) in enumerate([
            ("field.0.amplitude=1:100:3:log kV/cm", "field.0.amplitude [kV/cm]", ["1", "10", "100"]),
            ("field.0.amplitude=-1:1:3 kV/cm", "field.0.amplitude [kV/cm]", ["-1", "0", "1"]),
            ("field.0.amplitude=5:9:1 kV/cm", "field.0.amplitude [kV/cm]", ["5"]),
            ("grid.k.0=4:8:3", "grid.k.0", ["4", "6", "8"]),
            ("field.0.amplitude=1 kV/cm, 2 MV/m", "field.0.amplitude", ["1 kV/cm", "2 MV/m"]),
            ("propagation.scheme=interaction,unsplit", "propagation.scheme",
             ["interaction", "unsplit"]),
            ("model.positions=['0 angstrom', '1 angstrom'],['0 angstrom', '2 angstrom']",
             "model.positions", ["['0 angstrom', '1 angstrom']", "['0 angstrom', '2 angstrom']"])]):
        folder = f"values{number}"
        done = suite.execute(["run", "s.yaml", "--quiet", "-o", folder, "--sweep", text])
        got = [row[key] for row in read(suite, folder + "/index.csv")] if done.returncode == 0 else []
        suite.line(got == want, f"--sweep {text}: {got} {done.stderr.strip()}")


def wrong_sweeps(suite):
    suite.write("s.yaml", SCENARIO)
    suite.write("file", "")
    before = sorted(os.listdir(suite.folder))
    for arguments, status, message in [
            (["field.0.amplitude"], 2, "no values (expected PATH=START:STOP:COUNT UNIT or PATH=A,B,C)"),
            (["=1,2"], 2, "no values"),
            (["grid.k.0="], 2, "no values"),
            (["grid.k.0=4,,8"], 2, "an empty value"),
            (["grid.k.0=4:8"], 2, "a range without a count"),
            (["grid.k.0=4:8:x"], 2, "a range without a count"),
            (["grid.k.0=4:8:0"], 2, "the count is no integer from 1 to 100000"),
            (["grid.k.0=4:8:2.5"], 2, "the count is no integer"),
            (["grid.k.0=4:8:1e9"], 2, "the count is no integer"),
            (["grid.k.0=4:8:3:lin"], 2, "a range with a fourth part that is not log"),
            (["grid.k.0=-4:8:3:log"], 2, "a logarithmic range through zero"),
            (["grid.k.0=4:1e999:3"], 2, "an end is not finite"),
            (["grid.k.0=4,8", "grid.k.0=8,4"], 2, "a second sweep of the same key"),
            (["field.0.amplitude=1:2:1000", "field.0.center=1:2:1000"], 2,
             "1000000 runs (expected at most 100000)"),
            (["grid.q=1,2"], 2, "--set grid.q=1: error: grid.q: unknown key"),
            (["model.t1=1,2"], 2, "the bare number 1 has no unit")]:
        words = [word for text in arguments for word in ("--sweep", text)]
        done = suite.execute(["run", "s.yaml", *words])
        suite.line(done.returncode == status and message in done.stderr and done.stdout == "" and
                   sorted(os.listdir(suite.folder)) == before,
                   f"{arguments}: exit {done.returncode}, {done.stderr.strip()}")
    for arguments, status, message in [
            (["run", "s.yaml", "--sweep", "grid.k.0=4,8", "-o", "file"], 3,
             "file: error: is not a folder"),
            (["run", "s.yaml", "--sweep", "grid.k.0=4,8", "-o", "no/where"], 3,
             "no/where: error: cannot create the folder: No such file or directory"),
            (["run", "t.yaml", "--sweep", "grid.k.0=4,8"], 3, "t.yaml: error: cannot open"),
            (["check", "s.yaml", "--sweep", "grid.k.0=4,8"], 2, "this option belongs to run")]:
        done = suite.execute(arguments)
        suite.line(done.returncode == status and message in done.stderr,
                   f"{arguments}: exit {done.returncode}, {done.stderr.strip()}")


if __name__ == "__main__":
    harness.main([a_range, two_sweeps, replaced, a_grid_with_a_failure, stopped, responses, of_results, ranges_and_lists, wrong_sweeps])
