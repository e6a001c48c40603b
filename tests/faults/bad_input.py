#!/usr/bin/python3
"""What keldrift says and does when it is given something wrong: exact messages, exit status, and no
file left behind. Called as bad_input.py PATH_TO_KELDRIFT."""

import os
import subprocess
import sys
import tempfile

GOOD = """title: good
model: {kind: ssh, t1: 1 eV, t2: 0.8 eV, lattice_constant: 3 angstrom, positions: [0 angstrom, 1 angstrom]}
grid: {k: [8]}
initial: {kind: equilibrium, temperature: 300 K, filling: 1}
field: [{kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs}]
propagation: {duration: 4 fs}
output: {file: out.h5}
"""

# (name, what to replace, by what, exit status, message)
EDITS = [
    ("wrong unit", "t1: 1 eV", "t1: 1 fs", 2,
     's.yaml:2:24: error: model.t1: "1 fs" is a time (expected an energy such as "0.3 eV")'),
    ("unknown unit", "1 MV/cm", "1 MV/parsnip", 2,
     's.yaml:5:34: error: field.0.amplitude: unknown unit "MV/parsnip" in "1 MV/parsnip" '
     '(expected an electric field such as "2 MV/cm")'),
    ("no unit", "fwhm: 1 fs", "fwhm: 1", 2,
     's.yaml:5:63: error: field.0.fwhm: the bare number 1 has no unit '
     '(expected a time such as "10 fs")'),
    ("unknown key", "t2: 0.8 eV", "t3: 0.8 eV", 2,
     "s.yaml:2:30: error: model.t3: unknown key for kind ssh (did you mean t1?)"),
    ("unknown kind", "kind: ssh", "kind: sssh", 2,
     's.yaml:2:15: error: model.kind: got "sssh" (did you mean ssh?)'),
    ("duplicate key", "grid: {k: [8]}", "grid: {k: [8], k: [9]}", 2, 's.yaml:3:16: error: duplicate key "k" (first given in line 3)'),
    ("out of range", "duration: 4 fs", "duration: -4 fs", 2,
     's.yaml:6:25: error: propagation.duration: "-4 fs" is out of range (expected > 0 fs)'),
    ("wrong dimension of the grid", "k: [8]", "k: [8, 8]", 2,
     "s.yaml:3:11: error: grid.k: 2 numbers of points (model ssh is 1-dimensional: expected 1)"),
    ("no integer", "k: [8]", "k: [8.5]", 2, "s.yaml:3:12: error: grid.k.0: "),
    ("impossible filling", "filling: 1", "filling: 3", 2,
     "s.yaml:4:"),
    ("two ways to fill", "filling: 1", "filling: 1, chemical_potential: 0 eV", 2, "s.yaml:4:"),
    ("broken YAML", "grid: {k: [8]}", "grid: {k: [8}", 2, "s.yaml:3:"),
    ("no such table", "kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs",
     "kind: table, file: nowhere.dat", 3, "s.yaml:5:"),
    ("not finite", "kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs",
     "kind: expression, expression: 1/(t-2)*0/0", 2, "s.yaml:5:9: error: field.0: E(t) is not finite at t = "),
    ("bad formula", "kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs",
     "kind: expression, expression: sin(t", 2, "s.yaml:5:"),
    ("too large", "k: [8]", "k: [4000000000]", 2, "s.yaml:3:"),
    ("collisions without baths", "output:", "collisions: {ansatz: matrix}\noutput:", 2, "s.yaml:7:"),
    ("a form from nowhere", "output:", "collisions: {ansatz: matrix, broadening: 9 meV, terms: [{kind: "
     "impurity, strength: 1 eV, form: {kind: table, file: q.dat}}]}\noutput:", 3,
     "s.yaml:7:116: error: collisions.terms.0.form.file: "),
    ("bonds without a vertex", "output:", "collisions: {ansatz: matrix, broadening: 9 meV, terms: [{kind: "
     "impurity, strength: 1 eV, bonds: [[0, 1, 0]]}]}\noutput:", 2,
     "s.yaml:7:97: error: collisions.terms.0.bonds: bonds for vertex: onsite (expected vertex: bond)"),
    ("lindblad by FFT", "output:", "collisions: {ansatz: lindblad, method: fft, broadening: 9 meV, terms: "
     "[{kind: impurity, strength: 1 eV}]}\noutput:", 2, "s.yaml:7:"),
    ("an unknown integrator", "duration: 4 fs", "duration: 4 fs, integrator: euler", 2,
     's.yaml:6:43: error: propagation.integrator: got "euler" '),
    ("a potential without R", "output:", "potential: [{kind: harmonic, stiffness: 1 eV/angstrom^2}]\noutput:", 2,
     "s.yaml:7:12: error: potential: a potential without an R grid (expected grid.r: "),
    ("half an R grid", "k: [8]", "k: [8], r: {points: [8]}", 2,
     "s.yaml:3:19: error: grid.r: only one of points and length (expected both or neither)"),
    ("R in more dimensions than k", "k: [8]",
     "k: [8], r: {points: [8, 8], length: [9 angstrom, 9 angstrom]}", 2, "s.yaml:3:28: error: grid.r.points: "),
    ("another drift", "k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n",
     "k: [8], r: {points: [8], length: [9 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, "
     "filling: 1}\ndrift: sideways\n", 2, 's.yaml:5:8: error: drift: got "sideways" '),
    ("splitting without R", "duration: 4 fs", "duration: 4 fs, scheme: splitting", 2,
     "s.yaml:6:39: error: propagation.scheme: splitting without an R grid"),
    ("interaction with R", "k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n"
     "field: [{kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs}]\npropagation: {duration: 4 fs",
     "k: [8], r: {points: [8], length: [24 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, "
     "filling: 1}\npropagation: {duration: 4 fs, scheme: interaction", 2,
     "s.yaml:5:39: error: propagation.scheme: interaction with an R grid (expected splitting or unsplit)"),
    ("bdf with R", "k: [8]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n"
     "field: [{kind: pulse, amplitude: 1 MV/cm, center: 2 fs, fwhm: 1 fs}]\npropagation: {duration: 4 fs",
     "k: [8], r: {points: [8], length: [24 angstrom]}}\ninitial: {kind: equilibrium, temperature: 300 K, "
     "filling: 1}\npropagation: {duration: 4 fs, scheme: unsplit, integrator: bdf", 2,
     "s.yaml:5:60: error: propagation.integrator: bdf with an R grid (expected auto or adams)"),
    ("a step for another scheme", "duration: 4 fs", "duration: 4 fs, step: 1 fs", 2,
     "s.yaml:6:37: error: propagation.step: a key of scheme splitting (expected that scheme)"),
    ("two cats", "kind: equilibrium, temperature: 300 K, filling: 1",
     "kind: cat, momentum: [0 1/angstrom], width: 9 angstrom, separation: [1 angstrom]", 2,
     "s.yaml:4:"),
]


def call(program, folder, *arguments):
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True,
                          check=False, timeout=120, env={**os.environ, "LC_ALL": "C"})


def main():
    program = os.path.abspath(sys.argv[1])
    failures = checks = 0

    def check(name, done, status, start, folder):
        nonlocal failures, checks
        checks += 1
        left = sorted(f for f in os.listdir(folder) if not f.endswith(".yaml"))
        lines = done.stderr.split("\n")
        first = next((line for line in lines if line.startswith(start)), lines[0])
        good = done.returncode == status and first.startswith(start) and not left
        good = good and done.stderr.count("\n") >= 1 and not done.stdout
        failures += not good
        print(("ok   " if good else "FAIL ") + f"{name}: exit {done.returncode} (want {status}), "
              f"\"{first}\" (want \"{start}...\"), files left: {left}")

    with tempfile.TemporaryDirectory() as folder:
        scenario = os.path.join(folder, "s.yaml")
        for name, old, new, status, message in EDITS:
            assert GOOD.count(old) == 1, name
            with open(scenario, "w", encoding="utf-8") as file:
                file.write(GOOD.replace(old, new))
            check(name, call(program, folder, "run", "s.yaml"), status, message, folder)
            checks += 1
            again = call(program, folder, "check", "s.yaml")
            if again.returncode != status:
                failures += 1
                print(f"FAIL {name}: `check` exits with {again.returncode}, `run` with {status}")
        with open(scenario, "w", encoding="utf-8") as file:
            file.write(GOOD)
        for name, arguments, status, message in [
                ("missing scenario", ["run", "t.yaml"], 3, "t.yaml: error: cannot open: No such file"),
                ("a folder", ["run", "."], 3, ".: error: "),
                ("override of an unknown key", ["run", "s.yaml", "--set", "grid.q=[3]"], 2,
                 "--set grid.q=[3]: error: grid.q: unknown key (known keys: k, r)"),
                ("override without a value", ["run", "s.yaml", "--set", "grid.k"], 2, "--set grid.k"),
                ("no such folder", ["run", "s.yaml", "-o", "no/where.h5"], 3,
                 "no/where.h5: error: cannot create the file: No such file or directory"),
                ("full disk", ["run", "s.yaml", "-o", "/dev/full"], 3, "/dev/full: error: "),
                ("unknown option", ["run", "s.yaml", "--fast"], 2,
                 "keldrift: error: unknown option: --fast"),
                ("unknown command", ["walk"], 2, "keldrift: error: unknown command: walk"),
                ("info on text", ["info", "s.yaml"], 3, "s.yaml: error: not an HDF5 file"),
                ("steady without collisions", ["steady", "s.yaml"], 2, "s.yaml:")]:
            check(name, call(program, folder, *arguments), status, message, folder)
        # And the good one is good: one file, named as it says, that replaces an older one.
        done = call(program, folder, "run", "s.yaml", "--quiet")
        size = os.path.getsize(os.path.join(folder, "out.h5")) if done.returncode == 0 else 0
        done = call(program, folder, "run", "s.yaml", "--quiet")
        good = done.returncode == 0 and size > 1000 and not done.stderr and not done.stdout
        checks += 1
        failures += not good
        print(("ok   " if good else "FAIL ") + f"the scenario without mistakes: {done.stderr}")
    print(f"{checks} checks, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
