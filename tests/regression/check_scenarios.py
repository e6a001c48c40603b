#!/usr/bin/python3
"""Runs the scenarios of scenarios/ and compares what comes out with their expected.json.

    check_scenarios.py KELDRIFT SOURCE_ROOT [--references] [NAME...]

expected.json holds
    set       changes to the scenario (PATH=VALUE), to make the run short; optional
    values    a list of {dataset, selection, value, tolerance, why}: an index per axis of the dataset,
              with `minus`, another selection, the difference of the two; `change: true` is short for
              the difference from the same entry of the first frame
    spectrum  {arguments, values: [{energy, column, value, tolerance, why}]}: what scripts/spectrum
              makes of the result; optional
Every value comes from a closed form or from an integration that shares nothing with keldrift.
--references computes them anew, with the functions of references.py, and compares them with the files instead of
running keldrift.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from references import REFERENCES, WITH_ROOT  # noqa: E402

# A reference has to agree with what expected.json says this much better than the run has to.
REFERENCE_MARGIN = 0.2


# --- comparison -----------------------------------------------------------------------------------


def report(name, what, got, want, tolerance, why):
    error = abs(got - want)
    good = error <= tolerance
    print(f"{'ok  ' if good else 'FAIL'} {name}: {what}: got {got:.9g}, want {want:.9g}, error "
          f"{error:.1e}, tolerance {tolerance:.1e}" + ("" if good else f" ({why})"))
    return good


def entry(dataset, selection):
    return float(dataset[tuple(selection)])


def check_values(name, result, values):
    good = True
    with h5py.File(result) as file:
        for v in values:
            dataset = file[v["dataset"]]
            got = entry(dataset, v["selection"])
            before = [0] + v["selection"][1:] if v.get("change") else v.get("minus")
            if before is not None:
                got -= entry(dataset, before)
            what = f"{v['dataset']}{v['selection']}" + (" change" if before is not None else "")
            good &= report(name, what, got, v["value"], v["tolerance"], v["why"])
    return good


def check_spectrum(name, root, folder, spectrum):
    table = folder / "spectrum.csv"
    done = subprocess.run([root / "scripts/spectrum", folder / "result.h5", "--csv", table, "-o",
                           folder / "spectrum", "--format", "png", *spectrum["arguments"]],
                          capture_output=True, text=True)
    if done.returncode != 0:
        print(f"FAIL {name}: scripts/spectrum ended with {done.returncode}: {done.stderr.strip()}")
        return False
    with open(table, newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    energy = np.array([float(row["energy_eV"]) for row in rows])
    good = True
    for v in spectrum["values"]:
        if v["column"] not in rows[0]:
            print(f"FAIL {name}: no column {v['column']} (there are {', '.join(rows[0])})")
            return False
        column = np.array([float(row[v["column"]]) for row in rows])
        got = float(np.interp(v["energy"], energy, column))
        good &= report(name, f"{v['column']} at {v['energy']} eV", got, v["value"], v["tolerance"],
                       v["why"])
    return good


def check_run(name, keldrift, root, expected):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        overrides = [word for change in expected.get("set", []) for word in ("--set", change)]
        start = time.monotonic()
        done = subprocess.run([keldrift, "run", root / "scenarios" / name / f"{name}.yaml", "-o",
                               folder / "result.h5", "--quiet", *overrides],
                              capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            print(f"FAIL {name}: keldrift ended with {done.returncode}: {done.stderr.strip()}")
            return False
        print(f"     {name}: ran in {time.monotonic() - start:.1f} s")
        good = check_values(name, folder / "result.h5", expected["values"])
        if "spectrum" in expected:
            good &= check_spectrum(name, root, folder, expected["spectrum"])
        return good


def check_references(name, root, expected):
    """Whether the values of expected.json are what they say they are."""
    function = REFERENCES[name]
    computed = function(root) if function in WITH_ROOT else function()
    good = True
    for v in expected["values"] + expected.get("spectrum", {}).get("values", []):
        if "reference" in v:
            good &= report(name, f"reference '{v['reference']}'", computed[v["reference"]],
                           v["value"], REFERENCE_MARGIN * v["tolerance"], v["why"])
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keldrift", metavar="KELDRIFT", help="the program")
    parser.add_argument("root", metavar="SOURCE_ROOT", type=Path)
    parser.add_argument("names", metavar="NAME", nargs="*", help="scenarios; default: all")
    parser.add_argument("--references", action="store_true", help="compute the values anew")
    options = parser.parse_args()
    root = options.root.resolve()
    keldrift = options.keldrift if os.sep not in options.keldrift else Path(
        options.keldrift).resolve()
    folders = {path.parent.name: path for path in sorted((root / "scenarios").glob(
        "*/expected.json"))}
    unknown = [name for name in options.names if name not in folders]
    if unknown:
        parser.error(f"no expected.json for {', '.join(unknown)} (expected some of "
                     f"{', '.join(folders)})")
    failed = []
    for name in options.names or folders:
        expected = json.loads(folders[name].read_text(encoding="utf-8"))
        good = (check_references(name, root, expected) if options.references
                else check_run(name, keldrift, root, expected))
        if not good:
            failed.append(name)
    print(f"FAIL: {', '.join(failed)}" if failed else f"ok: {len(options.names or folders)} scenarios")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
