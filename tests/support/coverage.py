#!/usr/bin/python3
"""Prints the share of lines that the tests passed through, by folder: coverage.py BUILD-FOLDER SOURCE-ROOT

Reads what a build with -Db_coverage=true left, by gcovr. The exit status is 1 if a folder of the numerics has less
than its share.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict

NUMERICS = ("model", "space", "state", "drift", "collision", "propagator", "observables", "steady")
LEAST = 90.0  # percent


def main():
    if len(sys.argv) != 3:
        print(f"usage: {sys.argv[0]} BUILD-FOLDER SOURCE-ROOT", file=sys.stderr)
        return 2
    build, root = (os.path.abspath(path) for path in sys.argv[1:])
    summary, report = (os.path.join(build, "meson-logs", name) for name in ("coverage.json", "coverage.txt"))
    subprocess.run(["gcovr", "--root", root, "--filter", "src/", "--json-summary", summary, "--txt", report, build],
                   cwd=root, check=True)
    with open(summary, encoding="utf-8") as file:
        files = json.load(file)["files"]
    lines = defaultdict(lambda: [0, 0])
    for entry in files:
        parts = entry["filename"].split("/")
        for name in (parts[1] if len(parts) > 2 else "src", "all"):
            lines[name][0] += entry["line_covered"]
            lines[name][1] += entry["line_total"]
    low = []
    for name, (covered, total) in sorted(lines.items(), key=lambda item: (item[0] == "all", item[0])):
        share = 100 * covered / total if total else 100.0
        if name in NUMERICS and share < LEAST:
            low.append(name)
        print(f"{name:12} {covered:6} of {total:6} lines {share:5.1f} %")
    print(f"lines that no test passes: {report}")
    if low:
        print(f"below {LEAST:g} %: {', '.join(low)}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
