#!/usr/bin/python3
"""Checks the documentation: check_docs.py SOURCE_ROOT.

Relative links and images lead to files (and anchors to headings), also those of the tutorial; images have
a text in their place, pictures of the tree are shown somewhere, and every page is reached by links from
README.md. Headings are unique within a page, every scenario folder has a README and an entry with its figure in
the gallery, and no file holds words or paths that mean nothing outside the place where it was written. Spelling
is checked with hunspell, where there is one, and the words of docs/words.txt.
"""

import re
import shutil
import subprocess
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
IMAGE = re.compile(r"!\[((?:[^\[\]]|\[[^\]]*\])*)\]\(")
# Words of prose: not parts of names, paths, formulas or keys.
WORD = re.compile(r"(?<![\w/._\\$-])[A-Za-z][a-z]+(?:[’'][a-z]+)?(?![\w_/\\$]|\.\w|-?[0-9^=({])")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")


def is_built(path, root):
    """True for what lies in a build folder or is not part of the tree."""
    parts = path.relative_to(root).parts
    if any(part in SKIPPED_FOLDERS for part in parts):
        return True
    return any((root.joinpath(*parts[:i]) / "build.ninja").exists()
               or (parts[i - 1].startswith("build") and root.joinpath(*parts[:i]).is_dir())
               for i in range(1, len(parts)))


def files_of(root):
    """The files of the tree: what git knows or would take, so that results and builds do not count; without
    git, all that does not look like a build."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=False) if (root / ".git").exists() else None
    if listed and listed.returncode == 0:
        found = [root / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for path in root.rglob("*") if not is_built(path, root)]
    return sorted(path for path in found if path.is_file())


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


def links_of(text):
    """(line number, target) of the links and images of a page."""
    plain = "\n".join(without_code(text))
    for match in LINK.finditer(plain):
        yield plain.count("\n", 0, match.start(1)) + 1, match.group(1)


def text_of(page):
    """The Markdown of a page, or of the text cells of a script with cells."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return text
    lines, is_text = [], False
    for line in text.splitlines():
        if line.startswith("# %%"):
            is_text = "[markdown]" in line
            line = ""
        lines.append(line.removeprefix("#").removeprefix(" ") if is_text else "")
    return "\n".join(lines)


def check_links(page, root):
    place = page.relative_to(root)
    text = text_of(page)
    for number, target in links_of(text):
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
    plain = "\n".join(without_code(text))
    for match in IMAGE.finditer(plain):
        if len(match.group(1).strip()) < 4:
            number = plain.count("\n", 0, match.start()) + 1
            yield f"{place}:{number}: an image without a text in its place"


def check_reach(pages, files, root):
    """Pages that no chain of links from README.md reaches, and pictures that no page shows."""
    reached, waiting = set(), [root / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix in (".md", ".py") and page.is_file():
            for _, target in links_of(text_of(page)):
                goal = (page.parent / target.partition("#")[0]).resolve()
                if goal.is_dir():
                    goal /= "README.md"
                if goal.is_file():
                    waiting.append(goal)
    for page in pages:
        if page not in reached:
            yield f"{page.relative_to(root)}: no link leads here from README.md"
    for path in files:
        if path.suffix in (".png", ".svg") and path not in reached:
            yield f"{path.relative_to(root)}: no page shows this picture"


def check_spelling(pages, root):
    """Words that neither hunspell nor docs/words.txt knows. None without hunspell."""
    if shutil.which("hunspell") is None:
        print("no hunspell here: spelling is not checked")
        return
    known = {word.lower() for word in
             (root / "docs" / "words.txt").read_text(encoding="utf-8").split()}
    where = {}
    for page in pages:
        lines = without_code(re.sub(r"<!--.*?-->", lambda m: "\n" * m.group().count("\n"),
                                    text_of(page), flags=re.DOTALL))
        plain = re.sub(r"\]\([^)]*\)", lambda m: "]" + "\n" * m.group().count("\n"),
                       "\n".join(lines))
        plain = re.sub(r"\$\$?[^$]*\$\$?", lambda m: "\n" * m.group().count("\n"), plain)
        for number, line in enumerate(plain.splitlines(), 1):
            for word in WORD.findall(line):
                where.setdefault(word, f"{page.relative_to(root)}:{number}")
    done = subprocess.run(["hunspell", "-l", "-d", "en_US", "-i", "utf-8"],
                          input="\n".join(where), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        yield f"hunspell: {done.stderr.strip()}"
    for word in dict.fromkeys(done.stdout.split()):
        if word.lower() not in known and re.sub(r"[’']s$", "", word).lower() not in known:
            yield (f"{where.get(word, word)}: spelling: \"{word}\" (words of the field belong into "
                   "docs/words.txt)")


def check_page(page, root):
    text = page.read_text(encoding="utf-8")
    place = page.relative_to(root)
    seen = {}
    for number, title in headings(text):
        if title in seen:
            yield f"{place}:{number}: heading \"{title}\" stands on line {seen[title]} already"
        seen.setdefault(title, number)
    yield from check_links(page, root)


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
    """Every scenario has a section of the third level below a question, with its figure and its page."""
    text = (root / "docs" / "gallery.md").read_text(encoding="utf-8")
    parts = re.split(r"^(#{1,6}) (.*)$", text, flags=re.MULTILINE)
    sections = {title: body for mark, title, body in zip(parts[1::3], parts[2::3], parts[3::3]) if mark == "###"}
    questions = [title for mark, title in zip(parts[1::3], parts[2::3]) if mark == "##"]
    folders = sorted(p for p in (root / "scenarios").iterdir() if p.is_dir())
    if not folders:
        yield "scenarios: no folders (expected one per scenario)"
    for folder in folders:
        place, name = f"../scenarios/{folder.name}", folder.name
        if not (folder / "README.md").is_file():
            yield f"scenarios/{name}: no README.md"
        if not list(folder.glob("*.yaml")):
            yield f"scenarios/{name}: no scenario"
        body = sections.get(name)
        if body is None:
            yield f"docs/gallery.md: no section \"### {name}\""
            continue
        if f"]({place}/README.md)" not in body:
            yield f"docs/gallery.md: {name}: no link to its README.md"
        if not re.search(rf"!\[[^\]]+\]\({re.escape(place)}/\w+\.png\)", body):
            yield f"docs/gallery.md: {name}: its figure is not shown"
    for title in sorted(set(sections) - {folder.name for folder in folders}):
        yield f"docs/gallery.md: section \"{title}\" has no folder in scenarios/"
    for title in questions:
        if title in {folder.name for folder in folders}:
            yield f"docs/gallery.md: \"{title}\" stands beside the questions (expected below one: ###)"


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: check_docs.py SOURCE_ROOT", file=sys.stderr)
        return 2
    root = Path(sys.argv[1]).resolve()
    files = files_of(root)
    pages = [p for p in files if p.suffix == ".md"]
    faults = []
    for page in pages:
        faults += check_page(page, root)
    tutorial = root / "docs" / "tutorial" / "tutorial.py"
    faults += check_links(tutorial, root)
    faults += check_reach(pages, files, root)
    faults += check_spelling([*pages, tutorial], root)
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
