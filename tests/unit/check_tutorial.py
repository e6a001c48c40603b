#!/usr/bin/python3
"""Runs the tutorial as a notebook: check_tutorial.py KELDRIFT.

The notebook is up to date with its script, runs from start to end in a fresh kernel, and shows its
figures. Without nbclient and ipykernel the cells run in this interpreter instead. The numbers are
compared by assertions in the tutorial itself. With --keep FILE the executed notebook stays there.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs/tutorial/tutorial.py"
FIGURES = 8


def as_notebook(target):
    subprocess.run([sys.executable, ROOT / "scripts/notebook", SCRIPT, "--execute", "-o", target],
                   check=True)
    cells = json.loads(target.read_text(encoding="utf-8"))["cells"]
    return sum("image/png" in output.get("data", {})
               for cell in cells for output in cell.get("outputs", []))


def as_script():
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    os.chdir(SCRIPT.parent)
    exec(compile(SCRIPT.read_text(encoding="utf-8"), SCRIPT, "exec"), {"__name__": "tutorial"})
    return len(plt.get_fignums())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    os.environ.update({"KELDRIFT": os.path.abspath(options.program), "OMP_NUM_THREADS": "1",
                       "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"})
    sys.dont_write_bytecode = True
    subprocess.run([sys.executable, ROOT / "scripts/notebook", SCRIPT, "--check"], check=True)
    has_jupyter = all(map(importlib.util.find_spec, ("nbclient", "ipykernel")))
    with tempfile.TemporaryDirectory() as folder:
        count = (as_notebook(options.keep or Path(folder) / "tutorial.ipynb") if has_jupyter
                 else as_script())
    print(f"ran as a {'notebook' if has_jupyter else 'script'}, {count} figures "
          f"(expected {FIGURES})")
    return 0 if count == FIGURES else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as problem:
        sys.exit(problem.returncode)
