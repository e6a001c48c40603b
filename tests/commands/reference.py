#!/usr/bin/python3
"""docs/result.md against results of all kinds, both ways: what is in them is described, with its shape, unit and
meaning, and what is described is in one of them. Called as reference.py PATH_TO_KELDRIFT [SOURCE_ROOT]."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import h5py  # noqa: E402

import harness  # noqa: E402

PLAIN = {
    "model": {"kind": "ssh", "t1": "1 eV", "t2": "0.8 eV", "lattice_constant": "3 angstrom",
              "positions": ["0 angstrom", "1 angstrom"]},
    "grid": {"k": [6]},
    "initial": {"kind": "equilibrium", "temperature": "600 K", "filling": 1},
    "collisions": {"ansatz": "matrix", "broadening": "0.2 eV", "terms": [
        {"kind": "phonon", "energy": "0.3 eV", "coupling": "0.1 eV", "temperature": "600 K", "vertex": "onsite"}]},
    "observables": [{"name": "number_a", "re": [[1, 0], [0, 0]]}, {"name": "flow", "current_of": "pauli_z"}],
    "propagation": {"duration": "2 fs"},
    "output": {"file": "a.h5", "every": "1 fs"},
}
KINDS = {
    "homogeneous": ("run", PLAIN),
    "a kick and phonons that are unknowns": ("run", {
        **PLAIN, "field": [{"kind": "kick", "time": "1 fs", "impulse": "0.01 V fs/angstrom"}],
        "collisions": {**PLAIN["collisions"], "terms": [{**PLAIN["collisions"]["terms"][0], "dynamic": True,
                                                        "relaxation": "1 ps"}]}}),
    "a mean field": ("run", {**PLAIN, "collisions": {"broadening": "0.2 eV", "terms": [
        {"kind": "electron", "U": "0.1 eV", "mean_field": "hartree_fock"}]}}),
    "three dimensions, natural units": ("run", {
        "units": "natural", "model": {"kind": "cubic", "J": 1}, "grid": {"k": [3, 2, 2]},
        "initial": {"kind": "equilibrium", "temperature": 1, "filling": 0.5},
        "field": [{"kind": "constant", "amplitude": 0.1}], "propagation": {"duration": 1}}),
    "space and contacts": ("run", {
        "statistics": "classical", "model": {"kind": "parabolic", "mass": 0.067, "k_max": "0.16 1/angstrom"},
        "grid": {"k": [24], "r": {"points": [24], "length": ["600 angstrom"]}},
        "initial": {"kind": "gaussian", "momentum": ["0.02 1/angstrom"], "width": "60 angstrom"},
        "contacts": [{"kind": "absorber", "side": "left", "width": "100 angstrom", "rate": "10 THz"}],
        "propagation": {"duration": "2 fs"}, "output": {"every": "1 fs"}}),
    "space of two dimensions": ("run", {
        "statistics": "classical", "model": {"kind": "dirac2d", "velocity": "10 angstrom/fs", "gap": "20 meV",
                                             "k_max": "0.08 1/angstrom"},
        "grid": {"k": [8, 8], "r": {"points": [6, 6], "length": ["300 angstrom", "300 angstrom"]}},
        "initial": {"kind": "gaussian", "momentum": ["0 1/angstrom", "0 1/angstrom"], "width": "80 angstrom"},
        "propagation": {"duration": "1 fs"}}),
    "steady": ("steady", PLAIN),
}
# Attributes of HDF5 dimension scales, and those that all datasets have.
COMMON = {"units", "long_name", "reference", "CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"}
GRIDS = {"r…": "xyz", "k…": ("k1", "k2", "k3"), "q…": ("q1", "q2", "q3")}


def plain(cell):
    return re.sub(r"\\(.)", r"\1", cell).strip()


def tables(text):
    """{"/traces": [cells of a row, ...], ...} of the generated tables, and "axes"."""
    found = {}
    for name, body in re.findall(r"<!-- (\S+) -->\n(.*?)<!-- end -->", text, re.S):
        found[name] = [[plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
                       for line in body.strip().split("\n")[2:]]
    return found


def named(text, heading):
    """Names in the first column of the first table of attributes behind a heading."""
    part = text[text.index(heading):]
    body = re.search(r"^\| (?:attribute)? ?\|.*?\n\|-.*?\n((?:\|.*\n)+)", part, re.M)[1]
    return [(line, re.findall(r"`(\w+)`", line.split("|")[1])) for line in body.strip().split("\n")]


def fits(axes, shape):
    """The axes of a dataset against "[t, r…, band]"."""
    axes = list(axes)
    for word in shape.strip("[]").split(", ") if shape != "[]" else []:
        allowed = GRIDS.get(word, ("time",) if word == "t" else (word,))
        if word not in GRIDS and (not axes or axes[0] not in allowed):
            return False
        while axes and axes[0] in allowed:
            axes.pop(0)
    return not axes


def datasets(suite, rows, axes, kind, file, seen):
    """Every dataset but the scenario is in a row of its group."""
    natural = "natural" in kind
    wrong, count = [], 0

    def visit(name, item):
        nonlocal count
        if not isinstance(item, h5py.Dataset) or name == "scenario":
            return
        group, leaf = "/" + name.split("/")[0], name.split("/", 1)[1]
        unit, meaning = item.attrs["units"], item.attrs["long_name"]
        count += 1
        if item.attrs.get("CLASS") == b"DIMENSION_SCALE":
            row = [r for r in axes if f"`{leaf.split('/')[-1]}`" in r[0]]
            good = row and (unit == row[0][1] or natural and unit == "1") and row[0][2].startswith(meaning)
            seen.add(("axes", row[0][0]) if row else None)
        else:
            listed = [r for r in rows.get(group, []) if r[0].strip("`") == re.sub(r"^user/.*", "user/NAME", leaf) and
                      meaning in r[3]]
            scales = [d[0].name.split("/")[-1] if len(d) else "" for d in item.dims]
            row = [r for r in listed if fits(scales, r[1]) and (natural and unit == "1" or unit in
                                                               re.sub(r" \(. of .*", "", r[2]).split(", "))
                   and (item.dtype.kind == "c") == ("complex" in r[3].split("; ")) and
                   item.attrs.get("reference", "") in r[3]]
            good = bool(row)
            seen.update((group, r[0], r[3]) for r in row)
        if not good:
            wrong.append(f"/{name} [{unit}] {meaning}")

    file.visititems(visit)
    suite.line(not wrong and count > 0, f"{kind}: {count} datasets are as described {wrong}")


def attributes(suite, text, kind, file, seen):
    known = {"/": "## Root", "/run": "## `/run`"}
    for place, heading in known.items():
        names = {name for _, some in named(text, heading) for name in some}
        found = set(file[place].attrs)
        if kind == "steady" and place == "/run":
            names |= {"residual"}
            suite.line("`residual`" in text[text.index("## `/steady`"):], "residual is described")
        suite.line(found <= names, f"{kind}: attributes of {place}: {sorted(found - names)} are not described")
        seen.update((place, name) for name in found)
    special = set()
    file.visititems(lambda _, item: special.update(
        set(item.attrs) - COMMON if isinstance(item, h5py.Dataset) else set()))
    for name in sorted(special):
        suite.line(f"`{name}`" in text, f"{kind}: attribute {name} of a dataset is described")


def reference(suite):
    with open(os.path.join(suite.source_root, "docs", "result.md"), encoding="utf-8") as page:
        text = page.read()
    rows = tables(text)
    axes = rows.pop("axes")
    seen = set()
    for kind, (command, scenario) in KINDS.items():
        suite.write("s.yaml", harness.json.dumps(scenario))
        done = suite.execute([command, "s.yaml", "-o", "s.h5", "--quiet", "--threads", "1"])
        suite.line(done.returncode == 0, f"{kind}: exit status {done.returncode} {done.stderr.strip()}")
        if done.returncode != 0:
            continue
        with h5py.File(suite.path("s.h5")) as file:
            datasets(suite, rows, axes, kind, file, seen)
            attributes(suite, text, kind, file, seen)
    missing = [f"{group}/{row[0]}: {row[3]}" for group in rows for row in rows[group]
               if (group, row[0], row[3]) not in seen and row[0] != "`time`"]
    missing += [row[0] for row in axes if ("axes", row[0]) not in seen]
    suite.line(not missing, f"all that is described is in some result: {missing} is in none")
    listed = {(place, name) for place, heading in (("/", "## Root"), ("/run", "## `/run`"))
              for _, some in named(text, heading) for name in some}
    suite.line(listed <= seen, f"attributes that are described: {sorted(listed - seen)} are in none")


if __name__ == "__main__":
    harness.main([reference])
