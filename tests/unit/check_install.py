#!/usr/bin/python3
"""Checks what `meson install` puts down: check_install.py BUILD_FOLDER VERSION.

Everything is tried from the installed tree alone: the headers in C and C++, the symbols, the examples
through pkg-config, the commands and the Python module.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
HBAR = 0.6582119569
BUILD = VERSION = TREE = PREFIX = LIBRARIES = ENVIRONMENT = None


def run(*words, **options):
    return subprocess.run([str(word) for word in words], text=True, capture_output=True,
                          timeout=120, env=ENVIRONMENT, **options)


def flags(*options):
    return run("pkg-config", *options, "keldrift").stdout.split()


class InstallChecks(unittest.TestCase):
    def succeed(self, *words, **options):
        done = run(*words, **options)
        self.assertEqual(done.returncode, 0, f"{' '.join(map(str, words))}\n{done.stdout}"
                         f"{done.stderr}")
        return done.stdout

    def test_headers(self):
        """Each one compiles alone, without a warning, as C and as C++."""
        headers = sorted((PREFIX / "include/keldrift").glob("*.h"))
        self.assertIn("version.h", [header.name for header in headers])
        self.assertEqual({header.name for header in headers} - {"version.h"},
                         {path.name for path in (ROOT / "include/keldrift").glob("*.h")})
        for compiler, standard, language in (("cc", "c11", "c"), ("c++", "c++17", "c++")):
            for header in headers:
                source = (f"#include <keldrift/{header.name}>\n"
                          f"int a_definition_so_that_it_is_not_empty{language == 'c'};\n")
                source = source.replace("True", "_c").replace("False", "_cpp")
                with self.subTest(header=header.name, language=language):
                    self.succeed(compiler, f"-std={standard}", "-x", language, "-fsyntax-only",
                                 "-Wall", "-Wextra", "-Werror", "-pedantic", *flags("--cflags"),
                                 "-", input=source)

    def test_symbols(self):
        """Only what the headers declare is visible."""
        out = self.succeed("nm", "-D", "--defined-only", LIBRARIES / "libkeldrift.so")
        symbols = {line.split()[-1] for line in out.splitlines()}
        # An instrumented build exports what belongs to the instrumentation.
        symbols = {name for name in symbols if not re.match(r"__(asan|ubsan|odr_asan|gcov)", name)}
        declared = set()
        for header in (PREFIX / "include/keldrift").glob("*.h"):
            text = re.sub(r"(?m)//.*$|^#.*$", "", header.read_text(encoding="utf-8"))
            for declaration in re.findall(r"KD_API\b([^;]*);", text):
                declared.add(re.search(r"\b(kd_\w+)\s*\(", declaration).group(1))
        self.assertEqual(sorted(symbols - declared), [], "exported, but not declared")
        self.assertEqual(sorted(declared - symbols), [], "declared, but not exported")

    def test_version(self):
        dynamic = self.succeed("readelf", "-d", LIBRARIES / "libkeldrift.so")
        self.assertIn("[libkeldrift.so.0]", dynamic)
        self.assertEqual(run("pkg-config", "--modversion", "keldrift").stdout.strip(), VERSION)
        source = TREE / "version.c"
        major, minor, patch = VERSION.split(".")
        source.write_text(f"""#include <keldrift/keldrift.h>
#include <stdio.h>
#include <string.h>
#if !KD_VERSION_AT_LEAST({major}, {minor}, {patch})
#error "too old"
#endif
#if KD_VERSION_AT_LEAST({major}, {minor}, {int(patch) + 1}) || KD_VERSION_AT_LEAST({int(major) + 1}, 0, 0)
#error "too new"
#endif
int main(void) {{
  puts(kd_version());
  return strcmp(kd_version(), KD_VERSION) != 0;
}}
""")
        self.succeed("cc", source, *flags("--cflags", "--libs"), "-o", TREE / "version")
        self.assertEqual(self.succeed(TREE / "version").strip(), VERSION)

    def example(self, name):
        """Builds an example as its README says, and gives the numbers that it prints."""
        self.succeed("cc", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror",
                     ROOT / f"examples/{name}.c", *flags("--cflags", "--libs"), "-lm", "-o",
                     TREE / name)
        out = self.succeed(TREE / name, cwd=TREE)
        self.assertNotIn("warning", out)
        return dict(re.findall(r"^(\w+) = (\S+)$", out, re.MULTILINE))

    def close(self, numbers, name, want, tolerance):
        got = float(numbers[name])
        self.assertLessEqual(abs(got - want), tolerance, f"{name}: got {got:.12g}, want {want:.12g}, "
                             f"tolerance {tolerance:g}")

    def test_step1(self):
        n = self.example("step1_run")
        self.assertEqual(n["version"], VERSION)
        self.assertEqual(int(n["frames"]), 43)
        self.close(n, "number", 0.3, 1e-12)
        # E = (1/N) sum -2J cos(k a) f(k), mu from the filling; the program's energies to 12 digits.
        ka = 2 * np.pi * np.arange(64) / 64
        e, kt = -np.cos(ka), 8.617333262e-5 * 1500
        low, high = -3.0, 3.0
        for _ in range(100):
            mu = (low + high) / 2
            f = 1 / (np.exp((e - mu) / kt) + 1)
            low, high = (mu, high) if f.mean() < 0.3 else (low, mu)
        energy = np.mean(e * f)
        # The chemical potential is found to 1e-10 or so.
        self.close(n, "energy_start", energy, 1e-9)
        # The duration is given to 1e-7 of itself: the cosine at its minimum is off by 1e-14.
        self.close(n, "energy_end", -energy, 1e-9)
        self.close(n, "energy_change", -2 * energy, 1e-9)
        # The work is integrated with rtol 1e-9.
        self.close(n, "work", -2 * energy, 1e-8)

    def test_step2(self):
        n = self.example("step2_loop")
        # Half of h/(e E a); a sine between points 0.5 fs apart by a straight line: up to
        # 0.5 fs (0.5 w)^2/(9 sqrt 3) = 5e-5 fs.
        self.close(n, "turns_at", np.pi * HBAR / 0.05, 5e-5)
        self.close(n, "number", 0.3, 1e-12)

    def test_step3(self):
        n = self.example("step3_model")
        # Numbers of 1 eV with 17 digits
        self.assertLess(float(n["hamiltonian_error"]), 1e-14)
        self.close(n, "lower_band_from", -0.8, 1e-12)
        self.close(n, "lower_band_to", -0.8, 1e-12)
        # Second order in (dipole e E a)/(gap) = 0.005/1.6; it is not zero, and it is small.
        self.assertLess(abs(float(n["energy_change"])), 1e-4)

    def test_step4(self):
        n = self.example("step4_observable")
        # The example compares with its closed form; rtol 1e-9 does not matter without collisions.
        self.assertLess(float(n["error"]), 1e-12)
        values = [float(n[f"mean_square_energy_{i}"]) for i in range(21)]
        # Not a constant: it swings by the second moment of the electrons.
        self.assertGreater(max(values) - min(values), 0.05)

    def test_step5(self):
        n = self.example("step5_bath")
        self.assertGreater(abs(float(n["amplitude"])), 0.5)
        # rtol 1e-8 of a current of 2 e angstrom/fs
        self.assertLess(float(n["current_error"]), 1e-7)
        self.assertLess(abs(float(n["number_drift"])), 1e-12)
        self.assertEqual(n["bath_was_asked"], "1")
        self.assertEqual(n["second_term"], "-2")

    def test_commands(self):
        """The program, the scripts and the module work together, with nothing of the source tree."""
        program = PREFIX / "bin/keldrift"
        self.assertIn(VERSION, self.succeed(program, "--version"))
        scenario = TREE / "chain.yaml"
        scenario.write_text("model: {kind: chain, J: 0.5 eV, lattice_constant: 5 angstrom}\n"
                            "grid: {k: [32]}\n"
                            "initial: {kind: equilibrium, temperature: 1500 K, filling: 0.3}\n"
                            "field: [{kind: constant, amplitude: 1 MV/cm}]\n"
                            "propagation: {duration: 20 fs}\n")
        self.succeed(program, "run", scenario, "-o", TREE / "chain.h5", "--quiet")
        bin_folder = PREFIX / "bin"
        self.succeed(bin_folder / "keldrift-plot", "chain.h5", "--format", "png", "--dpi", "50",
                     cwd=TREE)
        self.succeed(bin_folder / "keldrift-report", "chain.h5", cwd=TREE)
        self.succeed(bin_folder / "keldrift-bands", "chain.yaml", "--format", "png", "--dpi", "50",
                     cwd=TREE)
        for name in ("chain.png", "chain.html", "chain_bands.png"):
            self.assertTrue((TREE / name).exists(), name)
        for name in ("keldrift-spectrum", "keldrift-phase-space"):
            self.assertIn(f"usage: {name}", self.succeed(bin_folder / name, "--help"))
        folder = flags("--variable=pythondir")[0]
        code = (f"import sys; sys.path.insert(0, '{PREFIX / 'share/keldrift'}'); import keldrift; "
                "print(float(keldrift.run('chain.yaml').traces.number[0]), keldrift.__file__)")
        out = self.succeed("/usr/bin/python3", "-B", "-c", code, cwd=TREE)
        self.assertTrue(folder.endswith("share/keldrift"), folder)
        self.assertTrue(out.startswith("0.3"), out)
        self.assertIn(str(PREFIX), out)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print("usage: check_install.py BUILD_FOLDER VERSION", file=sys.stderr)
        sys.exit(2)
    BUILD, VERSION = Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as temporary:
        TREE = Path(temporary).resolve()
        placed = subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet"],
                                env={**os.environ, "DESTDIR": str(TREE)}, capture_output=True,
                                text=True)
        if placed.returncode != 0:
            print(placed.stdout + placed.stderr)
            sys.exit(1)
        LIBRARIES = next(TREE.rglob("libkeldrift.so")).parent
        PREFIX = next(TREE.rglob("bin/keldrift")).parent.parent
        ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "KELDRIFT"}
        ENVIRONMENT.update({
            "PKG_CONFIG_PATH": str(next(TREE.rglob("keldrift.pc")).parent),
            "PKG_CONFIG_SYSROOT_DIR": str(TREE), "LD_LIBRARY_PATH": str(LIBRARIES),
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"})
        outcome = unittest.main(argv=[sys.argv[0], *sys.argv[3:]], exit=False)
    sys.exit(not outcome.result.wasSuccessful())
