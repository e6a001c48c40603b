"""Calling the program keldrift."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import yaml

from .result import USAGE_ERROR, Error, Result


def find_program(program=None):
    """The program: `program`, $KELDRIFT, that of the tree this file is in, or the one on PATH."""
    here = Path(__file__).resolve()
    candidates = [program or os.environ.get("KELDRIFT"),
                  # scripts/keldrift/ of a checkout, share/keldrift/keldrift/ of an installation
                  here.parents[2] / "build" / "keldrift", here.parents[3] / "bin" / "keldrift"]
    if candidates[0]:
        candidates = [shutil.which(candidates[0]) or candidates[0]]
    for candidate in candidates:
        if candidate and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return str(candidate)
    if not candidates[0] and shutil.which("keldrift"):
        return shutil.which("keldrift")
    raise Error("error: the program keldrift was not found "
                f"({', '.join(str(c) for c in candidates if c)}; set KELDRIFT)", USAGE_ERROR)


def run(scenario, /, *, file=None, threads=1, program=None, **overrides):
    """Runs a scenario and returns its Result.

    scenario   a path, or a dictionary of the same layout; input files in a dictionary are relative to
               the working directory
    file       the result file (default: a temporary one that goes away with the Result)
    threads    number of threads
    overrides  changes to the scenario, with two underscores between the keys of a path:
               grid__k=[256], field__0__amplitude="2 MV/cm"

    What the program prints is in Result.summary; its errors are raised as Error.
    """
    return _result("run", scenario, file, threads, program, overrides)


def steady(scenario, /, *, file=None, threads=1, program=None, **overrides):
    """The linear response to a constant field: `Result.steady` holds the tensors, `to_si` converts.

    The arguments are those of `run`.
    """
    return _result("steady", scenario, file, threads, program, overrides)


def check(scenario, /, *, program=None, **overrides):
    """The resolved scenario, what a run would need, and warnings, as text. Runs nothing."""
    with tempfile.TemporaryDirectory(prefix="keldrift_") as folder:
        return _call("check", scenario, [], folder, program, overrides)


def resolve(scenario, /, *, program=None, **overrides):
    """The resolved scenario, defaults filled in, as nested dictionaries."""
    text = check(scenario, program=program, **overrides)
    return yaml.safe_load(text[:text.index("# what a run needs")])


def describe(key=None, *, program=None):
    """What the program says about a key of the scenario, such as "model.graphene"; or all keys."""
    return _execute([find_program(program), "describe"] + ([key] if key else []))


def _result(command, scenario, file, threads, program, overrides):
    folder = tempfile.mkdtemp(prefix="keldrift_")
    path = Path(folder) / "result.h5" if file is None else Path(file)
    try:
        summary = _call(command, scenario, ["-o", str(path), "--threads", str(threads)], folder,
                        program, overrides)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Result(path, summary, folder)


def _call(command, scenario, options, folder, program, overrides):
    """Runs a command on a scenario; returns what it prints."""
    words = [find_program(program), command]
    name = None
    if isinstance(scenario, dict):
        name = os.path.join(folder, "scenario.yaml")
        with open(name, "w", encoding="utf-8") as out:
            json.dump(_with_absolute_files(scenario), out, default=_plain, ensure_ascii=False)
        words.append(name)
    else:
        words.append(os.fspath(scenario))
    for key, value in overrides.items():
        text = json.dumps(value, default=_plain, ensure_ascii=False)
        words += ["--set", f"{key.replace('__', '.')}={text}"]
    return _execute(words + options, name)


def _execute(words, hidden=None):
    """Runs a command; a message that names the file `hidden` is told without that file."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = done.stderr.strip()
        if hidden:
            message = re.sub(re.escape(hidden) + r":\d+:\d+: ", "", message)
        raise Error(message or f"keldrift ended with status {done.returncode}", done.returncode)
    return done.stdout


def _plain(value):
    """Numbers and arrays of numpy, and paths, as JSON has them."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise Error(f"error: a scenario cannot hold a {type(value).__name__}", USAGE_ERROR)


def _with_absolute_files(section, is_output=False):
    """A copy in which the names of input files do not depend on where the scenario lies."""
    if isinstance(section, dict):
        return {key: os.path.abspath(value)
                if key == "file" and not is_output and isinstance(value, (str, os.PathLike))
                else _with_absolute_files(value, key == "output")
                for key, value in section.items()}
    if isinstance(section, (list, tuple)):
        return [_with_absolute_files(value) for value in section]
    return section
