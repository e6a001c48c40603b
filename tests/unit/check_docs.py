#!/usr/bin/python3
"""Checks the documentation: check_docs.py SOURCE_ROOT.

Relative links and images lead to files (and anchors to headings), headings are unique within a page, every
scenario folder has a README and an entry in the gallery, and no file holds words or paths that mean
nothing outside the place where it was written.
"""

import re
import sys
from pathlib import Path

SKIPPED_FOLDERS = {".git", "__pycache__"}
TEXT_SUFFIXES = {".md", ".c", ".h", ".py", ".yaml", ".txt", ".build", ".cff", ""}
PROSE_SUFFIXES = {".md", ".yaml", ".cff"}
# The words are put together so that this file does not hold them.
WORDS = ["sess" + "ion", "iss" + "ue", "age" + "nt", "help" + "er", "work" + "place"]
IN_PROSE = [
    (re.compile(r"\b(?:" + "|".join(WORDS) + r")s?\b", re.IGNORECASE), "a word of the making"),
]
EVERYWHERE = [
    (re.compile(r"(?<![\w.$}/-])/(?:work|home|root|mnt|Users)/"), "a path of one machine"),
    (re.compile(r"\b(?:pypi|debian|npmjs|anaconda|crates|golang)\.(?:org|com|io)\b"),
     "a package host"),
]
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")


def is_built(path, root):
    """True for what lies in a build folder or is not part of the tree."""
    parts = path.relative_to(root).parts
    if any(part in SKIPPED_FOLDERS for part in parts):
        return True
    return any((root.joinpath(*parts[:i]) / "build.ninja").exists()
               or (parts[i - 1].startswith("build") and root.joinpath(*parts[:i]).is_dir())
               for i in range(1, len(parts)))


def without_code(text):
    """Lines with fenced and indented code and code spans blanked, so that numbers of lines stay."""
    lines, fence = [], None
    for line in text.splitlines():
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and fence is None:
            fence = mark.group(1)[:3]
            lines.append("")
        elif fence is not None:
            if mark and mark.group(1).startswith(fence):
                fence = None
            lines.append("")
        elif line.startswith("    "):
            lines.append("")
        else:
            lines.append(re.sub(r"`[^`]*`", lambda m: " " * len(m.group()), line))
    return lines


def headings(text):
    """(line number, title) of a page; code spans count as their text."""
    found = []
    plain = without_code(text)
    for number, (line, raw) in enumerate(zip(plain, text.splitlines()), 1):
        if HEADING.match(line):
            found.append((number, HEADING.match(raw).group(2)))
    return found


def anchor(title):
    title = re.sub(r"[`*\\]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title))
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def check_page(page, root):
    text = page.read_text(encoding="utf-8")
    place = page.relative_to(root)
    seen = {}
    for number, title in headings(text):
        if title in seen:
            yield f"{place}:{number}: heading \"{title}\" stands on line {seen[title]} already"
        seen.setdefault(title, number)
    plain = "\n".join(without_code(text))
    for match in LINK.finditer(plain):
        target, number = match.group(1), plain.count("\n", 0, match.start(1)) + 1
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, fragment = target.partition("#")
        goal = (page.parent / name).resolve() if name else page
        if not goal.exists():
            yield f"{place}:{number}: \"{target}\" leads nowhere"
        elif root not in (goal, *goal.parents):
            yield f"{place}:{number}: \"{target}\" leads out of the tree"
        elif fragment and goal.suffix == ".md":
            known = {anchor(title) for _, title in headings(goal.read_text(encoding="utf-8"))}
            if fragment not in known:
                yield f"{place}:{number}: no heading for \"{target}\""


def check_words(path, root):
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    forbidden = EVERYWHERE + (IN_PROSE if path.suffix in PROSE_SUFFIXES else [])
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, meaning in forbidden:
            match = pattern.search(line)
            if match:
                yield f"{path.relative_to(root)}:{number}: {meaning}: \"{match.group()}\""


def check_gallery(root):
    gallery = root / "docs" / "gallery.md"
    titles = {title for _, title in headings(gallery.read_text(encoding="utf-8"))}
    links = gallery.read_text(encoding="utf-8")
    folders = sorted(p for p in (root / "scenarios").iterdir() if p.is_dir())
    if not folders:
        yield "scenarios: no folders (expected one per scenario)"
    for folder in folders:
        if not (folder / "README.md").is_file():
            yield f"scenarios/{folder.name}: no README.md"
        if not list(folder.glob("*.yaml")):
            yield f"scenarios/{folder.name}: no scenario"
        if folder.name not in titles:
            yield f"docs/gallery.md: no section \"{folder.name}\""
        if f"../scenarios/{folder.name}/README.md" not in links:
            yield f"docs/gallery.md: no link to scenarios/{folder.name}/README.md"
    for title in sorted(titles - {folder.name for folder in folders} - {"Gallery"}):
        yield f"docs/gallery.md: section \"{title}\" has no folder in scenarios/"


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: check_docs.py SOURCE_ROOT", file=sys.stderr)
        return 2
    root = Path(sys.argv[1]).resolve()
    files = [p for p in sorted(root.rglob("*")) if p.is_file() and not is_built(p, root)]
    pages = [p for p in files if p.suffix == ".md"]
    faults = []
    for page in pages:
        faults += check_page(page, root)
    for path in files:
        if path.suffix in TEXT_SUFFIXES and path.name != "LICENSE":
            faults += check_words(path, root)
    faults += check_gallery(root)
    for fault in faults:
        print(fault)
    print(f"{len(pages)} pages, {len(files)} files, {len(faults)} faults")
    return 1 if faults or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
