#!/usr/bin/python3
"""Every warning: a scenario that deserves it, and a near one that does not.

A warning is printed, is in the result, names the key to change and a value to try, and with --strict makes the
exit status 4. Called as warnings.py PATH_TO_KELDRIFT [SOURCE_ROOT]."""

import copy
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import harness  # noqa: E402


def changed(scenario, **changes):
    """A copy with `section__key=value`; None removes the key."""
    result = copy.deepcopy(scenario)
    for path, value in changes.items():
        *sections, key = path.split("__")
        place = result
        for name in sections:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        if value is None:
            place.pop(key)
        elif isinstance(place, list):
            place[int(key)] = value
        else:
            place[key] = value
    return result


# Levels 2 J 2 pi/64 = 0.098 eV apart at the Fermi points, which is kT at 1139 K.
CHAIN = {"model": {"kind": "chain", "J": "0.5 eV", "lattice_constant": "3 angstrom"}, "grid": {"k": [64]},
         "initial": {"kind": "equilibrium", "temperature": "600 K", "chemical_potential": "0.03 eV"},
         "propagation": {"duration": "2 fs"}, "output": {"every": "1 fs"}}
KICKED = changed(CHAIN, field=[{"kind": "kick", "impulse": "0.001 V fs/angstrom", "time": "1 fs"}])
PLANE = changed(KICKED, model={"kind": "square", "J": "0.2 eV", "lattice_constant": "3 angstrom"}, grid={"k": [16, 48]},
                field=[{"kind": "kick", "impulse": "0.001 V fs/angstrom", "time": "1 fs", "direction": [1, 0]}])
IN_SPACE = changed(CHAIN, grid={"k": [64], "r": {"points": [8], "length": ["24 angstrom"]}},
                   potential=[{"kind": "expression", "expression": "0.01*cos(2*3.14159265358979*x/24)"}],
                   initial__chemical_potential="-0.4 eV")
COARSE = changed(CHAIN, initial__temperature="10 K", grid__k=[8], initial__chemical_potential="0.1 eV")

PACKET = {"statistics": "classical", "model": {"kind": "parabolic", "mass": 0.067, "k_max": "0.16 1/angstrom"},
          "grid": {"k": [96], "r": {"points": [96], "length": ["1400 angstrom"]}},
          "initial": {"kind": "gaussian", "momentum": ["0 1/angstrom"], "width": "60 angstrom"},
          "propagation": {"duration": "2 fs", "rtol": 1e-5}, "output": {"every": "2 fs"}}

WELL = changed(PACKET, potential=[{"kind": "harmonic", "stiffness": "1e-6 eV/angstrom^2"}], propagation__order=2)

BOX = {"model": {"kind": "dirac1d", "velocity": "10 angstrom/fs", "gap": "50 meV", "k_max": "0.1 1/angstrom"},
       "grid": {"k": [64]}, "initial": {"kind": "equilibrium", "temperature": "300 K", "chemical_potential": "0 eV"},
       "field": [{"kind": "pulse", "amplitude": "0.05 MV/cm", "center": "10 fs", "fwhm": "8 fs"}],
       "propagation": {"duration": "20 fs"}}

SEA = changed(BOX, field=[], grid={"k": [32], "r": {"points": [6], "length": ["300 angstrom"]}},
              potential=[{"kind": "periodic", "amplitude": "5 meV", "period": "300 angstrom"}], propagation__duration="2 fs")

SSH = {"kind": "ssh", "t1": "0.25 eV", "t2": "0.2 eV", "mass": "0.03 eV", "lattice_constant": "5 angstrom",
       "spin_degeneracy": 2}
PHONON = {"kind": "phonon", "energy": "0.16 eV", "coupling": "0.05 eV", "temperature": "300 K"}
ELECTRON = {"kind": "electron", "U": "0.2 eV"}
BATH = {"model": SSH, "grid": {"k": [256]},
        "initial": {"kind": "excited", "temperature": "300 K", "filling": 1, "energy": "0.2 eV", "width": "50 meV",
                    "amplitude": 0.3},
        "collisions": {"ansatz": "matrix", "broadening": "6 meV", "terms": [PHONON]},
        "propagation": {"duration": "2 fs"}, "output": {"every": "1 fs"}}
ELECTRONS = changed(BATH, grid__k=[16], initial__temperature="900 K", collisions__terms=[ELECTRON],
                    collisions__broadening="40 meV")
# Coherences, and phonons on one orbital only: `matrix` takes f out of its bounds.
COLD = {"model": changed({"model": SSH}, model__t1="0.3 eV", model__mass="0.5 eV", model__positions=[
            "0 angstrom", "2 angstrom"])["model"],
        "grid": {"k": [96]}, "initial": {"kind": "equilibrium", "temperature": "77 K", "filling": 1},
        "field": [{"kind": "pulse", "amplitude": "0.15 V/angstrom", "center": "15 fs", "fwhm": "6 fs",
                   "frequency": "0.29 1/fs", "phase": 1.5707963}],
        "collisions": {"ansatz": "matrix", "broadening": "15 meV", "terms": [
            {**PHONON, "energy": "0.12 eV", "temperature": "77 K", "vertex": "matrix", "re": [[1, 0], [0, 0]]}]},
        "propagation": {"duration": "25 fs"}, "output": {"every": "0.5 fs"}}
CAT = changed(PACKET, statistics="fermion", grid={"k": [96], "r": {"points": [41], "length": ["900 angstrom"]}},
              initial={"kind": "cat", "momentum": ["0 1/angstrom"], "width": "60 angstrom", "position": ["0 angstrom"],
                       "separation": ["300 angstrom"], "number": 0.4},
              collisions={"ansatz": "matrix", "broadening": "10 meV", "terms": [
                  {"kind": "impurity", "strength": "5 meV"}]})
LOCAL = changed(CAT, initial={"kind": "equilibrium", "temperature": "300 K", "chemical_potential": "-50 meV"})

SETTLING = {"model": {"kind": "chain", "J": "0.25 eV", "lattice_constant": "5 angstrom"}, "grid": {"k": [8]},
            "initial": {"kind": "equilibrium", "temperature": "2000 K", "chemical_potential": "0 eV"},
            "collisions": {"ansatz": "t1_t2", "t1": "300 fs", "t2": "100 fs", "temperature": "1500 K"},
            "propagation": {"duration": "1e10 fs", "integrator": "bdf", "rtol": 1e-6, "atol": 1e-15},
            "output": {"every": "1e10 fs"}}
LATE = {"model": {"kind": "chain", "J": "0.25 eV", "lattice_constant": "5 angstrom"}, "grid": {"k": [64]},
        "initial": {"kind": "equilibrium", "temperature": "900 K", "chemical_potential": "0 eV"},
        "field": [{"kind": "pulse", "amplitude": "1 MV/cm", "center": "1e7 fs", "fwhm": "20 fs", "frequency": "50 THz"}],
        "propagation": {"duration": "2e7 fs"}, "output": {"every": "2e6 fs"}}

# A chain of two orbitals, with their positions (tb) and without (hr).
VECTORS = [["5 angstrom", 0, 0], [0, "15 angstrom", 0], [0, 0, "15 angstrom"]]
HOPPINGS = {r: [(a, b, 1.0 if (r == 0 and a != b) else 0.8 if (r, a, b) in ((-1, 1, 2), (1, 2, 1)) else 0.0)
                for b in (1, 2) for a in (1, 2)] for r in (-1, 0, 1)}
HR = "hr\n 2\n 3\n 1 1 1\n" + "".join(
    f" {r} 0 0 {a} {b} {h} 0.0\n" for r, elements in HOPPINGS.items() for a, b, h in elements)
TB = "tb\n 5 0 0\n 0 15 0\n 0 0 15\n 2\n 3\n 1 1 1\n" + "".join(
    f"\n {r} 0 0\n" + "".join(f" {a} {b} {h} 0.0\n" for a, b, h in elements)
    for r, elements in HOPPINGS.items()) + "".join(
        f"\n {r} 0 0\n" + "".join(f" {a} {b} {2.0 if r == 0 and a == b == 2 else 0.0} 0 0 0 0 0\n"
                                  for a, b, _ in elements) for r, elements in HOPPINGS.items())
WANNIER = {"model": {"kind": "wannier90", "file": "chain_hr.dat", "lattice_vectors": VECTORS}, "grid": {"k": [64, 1, 1]},
           "initial": {"kind": "equilibrium", "temperature": "300 K", "filling": 1},
           "field": [{"kind": "pulse", "amplitude": "0.05 MV/cm", "center": "10 fs", "fwhm": "8 fs",
                      "direction": [1, 0, 0]}],
           "propagation": {"duration": "20 fs"}}

NUMBER = r"\d[\d.e+-]*"

# name, the warning with the key and the value that it names, what deserves it, what does not
CASES = [
    ("a grid of k too coarse for f", rf"k grid does not resolve f at the snapshots.*raise grid\.k to \[16\]", COARSE,
     changed(COARSE, grid__k=[64], initial__temperature="600 K")),
    ("a grid of k too coarse for a coherence in space",
     r"k grid does not resolve f \(weight.*raise grid\.k from 24 to 36", changed(PACKET, grid__k=[24]), PACKET),
    ("a grid of R too coarse", r"R grid does not resolve f.*raise grid\.r\.points from 19 to 28",
     changed(PACKET, grid__r__points=[19]), PACKET),
    ("a packet at the end of the box", rf"ends of the R box.*raise grid\.r\.length from 1400 to 2100",
     changed(PACKET, initial__position=["-620 angstrom"]), changed(PACKET, initial__position=["-420 angstrom"])),
    ("carriers at the edge of a k.p box",
     rf"edge of the k box.*raise model\.k_max by a factor of 1\.5, and grid\.k with it, to \[96\]",
     changed(BOX, field__0__amplitude="3 MV/cm"), BOX),
    ("a packet at the edge of a k.p box in space",
     rf"differs by \S+ from zero at the edge of the k box, where it comes in again at the other end: raise model\.k_max by a "
     r"factor of 1\.5, and grid\.k with it, to \[144\]", changed(WELL, initial__momentum=["0.15 1/angstrom"]), WELL),
    ("a filled band of a k.p box in space", r"f is 1 or more all along the edge of the k box.*comes in again.*ssh or tight_binding.*"
     r"larger model\.k_max", SEA,
     changed(SEA, model=PACKET["model"], grid__k=[96], initial__chemical_potential="-50 meV")),
    ("a step of f at T = 0 that a kick moves", rf"Fermi edge.*rings by 0\.1.*initial\.temperature to 14\d K$",
     changed(KICKED, initial__temperature="0 K", grid__k=[256]), changed(CHAIN, initial__temperature="0 K", grid__k=[256])),
    ("a Fermi edge steeper than the grid", rf"Fermi edge.*initial\.temperature to 5\d\d K, or grid\.k to \[1[0-9]\d\]$",
     changed(KICKED, initial__temperature="300 K"), KICKED),
    ("the same by the points", r"Fermi edge", changed(KICKED, initial__temperature="300 K"),
     changed(KICKED, initial__temperature="300 K", grid__k=[128])),
    ("an edge along one of two axes", rf"Fermi edge.*grid\.k to \[\d+, 48\]$",
     PLANE, changed(PLANE, grid__k=[48, 48])),
    ("an edge that a potential moves", rf"Fermi edge.*initial\.temperature to \d+ K", changed(IN_SPACE, initial__temperature="0 K"),
     IN_SPACE),
    ("a broadening above a quarter of kT", r"collisions\.terms\.0\.broadening: 10 meV.*at most 6\.46 meV",
     changed(BATH, collisions__broadening="10 meV"), BATH),
    ("a broadening below the distance of levels",
     rf"collisions\.terms\.0\.broadening: only \d levels.*raise grid\.k to \[\d+\], or the broadening to {NUMBER} meV", changed(BATH, collisions__broadening="1 meV"), BATH),
    ("terms without an ansatz", r"collisions\.terms are not used.*set it to matrix", changed(BATH, collisions__ansatz=None),
     changed(BATH, collisions__ansatz="none")),
    ("electrons colder than their broadening", r"collisions\.terms\.0\.broadening: 90 meV.*at most \d+\.?\d* meV",
     changed(ELECTRONS, collisions__broadening="90 meV"), ELECTRONS),
    ("a contact interaction without partners", r"set model\.spin_degeneracy to 2",
     changed(ELECTRONS, model__spin_degeneracy=1), ELECTRONS),
    ("f out of its bounds", r"eigenvalue of f is .*propagation\.rtol: 1e-08.*collisions\.ansatz \(lindblad", COLD,
     changed(COLD, field__0__amplitude="0.002 V/angstrom", initial__temperature="900 K",
             collisions__terms__0__temperature="900 K")),
    ("collisions of what is no occupation", r"eigenvalue of f\(R, k\).*initial\.kind: local_equilibrium.*"
     r"collisions\.ansatz: none", CAT, changed(CAT, collisions={"ansatz": "none"})),
    ("a Wannier90 file without positions", r"chain_hr\.dat has no positions.*set model\.file to SEED_tb\.dat", WANNIER,
     changed(WANNIER, model__file="chain_tb.dat")),
    ("the same without a field", r"no positions", WANNIER, changed(WANNIER, field=[])),
    ("steps at their floor", rf"{NUMBER} steps in a row.*raise propagation\.rtol from 1e-12 to 1e-10 and propagation\.atol",
     changed(SETTLING, propagation__rtol=1e-12), SETTLING),
    ("times that are rounded", rf"rounded by up to {NUMBER} of a step.*propagation\.duration of {NUMBER} at most",
     changed(LATE, field__0__center="1e11 fs", propagation__duration="2e11 fs", output__every="2e10 fs"), LATE),
    ("steps of the splitting at rounding", rf"more than propagation\.rtol: 1e-12 allows.*raise it to {NUMBER}",
     changed(WELL, propagation__rtol=1e-12, propagation__atol=1e-14), WELL),
]


def run(suite, scenario, *options):
    suite.write("s.yaml", harness.json.dumps(scenario))
    return suite.execute(["run", "s.yaml", "-o", "r.h5", "--threads", "1", *options], limit=60)


def table(suite):
    suite.write("chain_hr.dat", HR)
    suite.write("chain_tb.dat", TB)
    for name, pattern, deserves, does_not in CASES:
        told = run(suite, deserves)
        printed = [line[len("warning: "):] for line in told.stdout.split("\n") if line.startswith("warning: ")]
        stored = harness.Result(suite.path("r.h5")).warnings() if told.returncode == 0 else []
        suite.line(told.returncode == 0 and any(re.search(pattern, text) for text in printed) and stored == printed,
                   f"{name}: {printed} {told.stderr.strip()}")
        strict = run(suite, deserves, "--strict", "--quiet")
        suite.line(strict.returncode == 4, f"{name}: exit status {strict.returncode} with --strict (expected 4)")
        quiet = run(suite, does_not, "--strict")
        said = [line for line in quiet.stdout.split("\n") if line.startswith("warning: ")]
        suite.line(quiet.returncode == 0, f"{name}, but not quite: exit status {quiet.returncode} (expected 0) {said} "
                   f"{quiet.stderr.strip()}")


def a_checkpoint_that_cannot_be_written(suite):
    """The run goes on; it is said once."""
    for free in (False, True):
        if not free:
            os.makedirs(suite.path("r.chk.h5"))
        told = run(suite, changed(PACKET, output__checkpoint={"every": "0.001 s"}, propagation__step="0.1 fs"), "--strict")
        said = [line for line in told.stdout.split("\n") if line.startswith("warning: ")]
        suite.line(told.returncode == (0 if free else 4) and len(said) == (0 if free else 1) and
                   (free or "beside output.file" in said[0]),
                   f"a checkpoint that {'can' if free else 'cannot'} be written: {told.returncode} {said}")
        if not free:
            os.rmdir(suite.path("r.chk.h5"))


def a_filled_band_at_check(suite):
    """What is wrong from the start is told before the run."""
    for scenario, count in ((SEA, 1), (changed(SEA, potential=[]), 0), (changed(SEA, initial__chemical_potential="-1 eV"), 0)):
        suite.write("sea.yaml", harness.json.dumps(scenario))
        done = suite.execute(["check", "sea.yaml"])
        suite.line(done.returncode == 0 and (done.stdout + done.stderr).count("a filled band needs a lattice") == count,
                   f"a filled band at check: exit {done.returncode} {done.stderr.strip()}")


harness.main([table, a_filled_band_at_check, a_checkpoint_that_cannot_be_written])
