#!/usr/bin/env python3
"""Writes the starting scenarios as C: embed.py OUT.c SCENARIO.yaml... FILE.dat...

The first line of a scenario is its question, a comment. A data file belongs to the scenario whose text
names it.
"""

import sys
from pathlib import Path


def literal(text):
    """A C string literal, a line of text per line."""
    escape = {"\\": "\\\\", '"': '\\"', "\t": "\\t"}
    lines = ["".join(escape.get(c, c) for c in line) for line in text.splitlines()]
    return "\n".join(f'     "{line}\\n"' for line in lines)


def main():
    out, *names = sys.argv[1:]
    files = [Path(name) for name in names]
    data = [file for file in files if file.suffix != ".yaml"]
    rows = []
    for file in files:
        if file in data:
            continue
        text = file.read_text(encoding="utf-8")
        first = text.splitlines()[0]
        if not first.startswith("# "):
            sys.exit(f"{file}: the first line is no comment (expected its question)")
        row = f'    {{.name = "{file.stem}",\n     .question = "{first[2:]}",\n     .text =\n{literal(text)}'
        for companion in data:
            if companion.name in text:
                row += (f',\n     .data_name = "{companion.name}",\n     .data =\n'
                        f"{literal(companion.read_text(encoding='utf-8'))}")
        rows.append(row + "},\n")
    Path(out).write_text('/* Made by embed.py. */\n#include <stddef.h>\n\n#include "templates/templates.h"\n\n'
                         "const kd_template kd_template_rows[] = {\n" + "".join(rows)
                         + "    {.name = NULL}};\n", encoding="utf-8")


if __name__ == "__main__":
    main()
