"""Reading keldrift results and the common look of their figures.

    from keldrift_result import Result
    with Result("relaxation.h5") as result:
        current = result.read("/traces/current")
        print(current.values.shape, current.unit, current.dims)

The layout of a result file is described by `keldrift info FILE.h5` and in the documentation.
Problems are raised as ScriptError, which `run_script` turns into one line on stderr and an exit
status: 2 for wrong usage, 3 for a file that cannot be read or written.
"""

import math
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

USAGE_ERROR = 2
FILE_ERROR = 3


def missing_module(problem):
    """Ends the program where the interpreter lacks a package."""
    print(f"error: {problem} (scripts/setup installs it for /usr/bin/python3; this is "
          f"{sys.executable})", file=sys.stderr)
    sys.exit(USAGE_ERROR)


try:
    import h5py
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
except ImportError as problem:
    missing_module(problem)

# CODATA 2018
HBAR_EV_FS = 0.6582119569
HBAR_SI = 1.054571817e-34
ELEMENTARY_CHARGE_SI = 1.602176634e-19

# Okabe and Ito's palette without its yellow, which is too faint for a line on white, and a gray.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
FAINT = "#BDBDBD"
SEQUENTIAL_MAP = "cividis"
DIVERGING_MAP = "RdBu_r"

AXIS_NAMES = "xyz"
FIGURE_FORMATS = ("png", "pdf", "svg", "eps")


class ScriptError(Exception):
    """A problem to be told to the user in one line, with the exit status that goes with it."""

    def __init__(self, message, status=FILE_ERROR):
        super().__init__(message)
        self.status = status


@dataclass
class Quantity:
    """An array of a result file with what the file says about it."""

    values: np.ndarray
    unit: str = "1"
    long_name: str = ""
    dims: tuple = ()
    attributes: dict = field(default_factory=dict)


class Result:
    """A result file, open for reading."""

    def __init__(self, path):
        self.path = Path(path)
        if not self.path.exists():
            raise ScriptError(f"{path}: error: no such file")
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as problem:
            if self.path.is_dir():
                reason = "is a directory"
            elif not os.access(self.path, os.R_OK):
                reason = "permission denied"
            elif not h5py.is_hdf5(self.path):
                reason = "not an HDF5 file"
            else:
                reason = str(problem).splitlines()[0]
            raise ScriptError(f"{path}: error: cannot be read: {reason}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __contains__(self, name):
        return isinstance(self._file.get(name), h5py.Dataset)

    def shape(self, name):
        return self._dataset(name).shape

    def read(self, name, index=()):
        """The dataset `name`, or the part of it that `index` selects."""
        dataset = self._dataset(name)
        try:
            values = dataset[index]
        except OSError as problem:
            raise ScriptError(f"{self.path}: error: {name} cannot be read: "
                              f"{str(problem).splitlines()[0]}") from None
        attributes = {key: _text(value) for key, value in dataset.attrs.items()
                      if key not in ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME")}
        dims = tuple(Path(dim[0].name).name if len(dim) else dim.label for dim in dataset.dims)
        return Quantity(np.asarray(values), str(attributes.get("units", "1")),
                        str(attributes.get("long_name", "")), dims, attributes)

    def trace(self, name):
        """The dataset /traces/NAME, checked to have one entry for every frame."""
        quantity = self.read(f"/traces/{name}")
        n_frame = self.shape("/traces/time")[0]
        if quantity.values.ndim == 0 or quantity.values.shape[0] != n_frame:
            raise ScriptError(f"{self.path}: error: /traces/{name} has shape "
                              f"{quantity.values.shape}, but there are {n_frame} frames")
        return quantity

    def kicks(self):
        """Times [n] and impulses [n, 3] of the delta kicks in the field."""
        attributes = self.trace("field").attributes
        times = np.atleast_1d(np.asarray(attributes.get("kick_time", []), float))
        impulses = np.atleast_1d(np.asarray(attributes.get("kick_impulse", []), float))
        if impulses.size != 3 * times.size:
            raise ScriptError(f"{self.path}: error: /traces/field has {times.size} kick times, "
                              f"but {impulses.size} numbers for the impulses (expected "
                              f"{3 * times.size})")
        return times, impulses.reshape(-1, 3)

    @property
    def scenario(self):
        """The resolved scenario as text, empty if the file has none."""
        return str(_text(self._file["/scenario"][()])) if "/scenario" in self else ""

    @property
    def title(self):
        return title_of_scenario(self.scenario) or self.path.stem

    @property
    def is_natural(self):
        return self.read("/traces/time").unit == "1"

    @property
    def hbar(self):
        """In the units of the file: eV fs, or what the scenario says where they are natural."""
        if not self.is_natural:
            return HBAR_EV_FS
        found = re.search(r"^\s*hbar:\s*['\"]?([-+.0-9eE]+)", self.scenario, re.MULTILINE)
        return float(found.group(1)) if found else 1.0

    def _dataset(self, name):
        dataset = self._file.get(name)
        if not isinstance(dataset, h5py.Dataset):
            raise ScriptError(f"{self.path}: error: there is no dataset {name}"
                              + ("" if "traces" in self._file else " (is it a keldrift result?)"))
        return dataset


def _text(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def title_of_scenario(text):
    """The value of the top-level key `title` of a YAML text, as plain text."""
    found = re.search(r"^title:[ \t]*(.*(?:\n[ \t]+\S.*)*)$", text, re.MULTILINE)
    if not found:
        return ""
    value = " ".join(found.group(1).split())
    single = re.match(r"'((?:[^']|'')*)'", value)
    if single:
        return single.group(1).replace("''", "'")
    double = re.match(r'"((?:[^"\\]|\\.)*)"', value)
    if double:
        return re.sub(r"\\(.)", r"\1", double.group(1))
    value = re.sub(r"^[|>][-+]?( |$)", "", value)
    return re.sub(r"(^|\s)#.*", "", value).strip()


def nan_max(values):
    """Largest magnitude of the finite entries, 0 if there are none."""
    magnitudes = np.abs(values)
    magnitudes = magnitudes[np.isfinite(magnitudes)]
    return float(magnitudes.max()) if magnitudes.size else 0.0


def pretty_unit(unit):
    """A UDUNITS spelling as it is set in a figure: 'e angstrom/fs' -> 'e Å/fs', '1' -> ''."""
    text = unit.strip()
    if text in ("", "1"):
        return ""
    text = re.sub(r"^1/([A-Za-z]+)$", r"\1^-1", text)
    text = re.sub(r"\bangstroms?(?=\b|[-\d])", "Å", text)
    text = re.sub(r"(?<=[A-Za-zÅ0-9])\s*[.*·]\s*(?=[A-Za-zÅ])", " ", text)
    return re.sub(r"([A-Za-zÅ])(?:\^|\*\*)?(-?\d+)", r"\1$^{\2}$", text)


def escape(text):
    """Free text for matplotlib, which would read $...$ as mathematics."""
    return text.replace("$", r"\$")


def decimal_exponent(largest):
    """The power of ten, a multiple of three, to take out of numbers up to `largest`."""
    if not largest > 0 or 0.02 <= largest < 1e4:
        return 0
    return 3 * math.floor(math.log10(largest) / 3)


def axis_label(name, unit, exponent=0, separator=" "):
    """'name (unit)', with the power of ten that was taken out of the numbers."""
    parts = [f"10$^{{{exponent}}}$"] if exponent else []
    parts += [pretty_unit(unit)] if pretty_unit(unit) else []
    return f"{name}{separator}({' '.join(parts)})" if parts else name


def apply_style():
    """The look that all figures share: 9 pt text at final size, distinguishable colors."""
    plt.rcParams.update({
        "font.size": 9, "axes.labelsize": 9, "axes.titlesize": 9, "figure.titlesize": 10,
        "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9,
        "font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans",
        "axes.prop_cycle": plt.cycler(color=COLORS),
        "axes.linewidth": 0.8, "lines.linewidth": 1.4, "lines.markersize": 4,
        "axes.spines.top": False, "axes.spines.right": False,
        "axes.formatter.useoffset": False, "axes.formatter.limits": (-4, 5),
        "axes.xmargin": 0.015, "axes.ymargin": 0.08,
        "xtick.direction": "out", "ytick.direction": "out",
        "legend.frameon": False, "legend.handlelength": 1.5, "legend.columnspacing": 1.2,
        "legend.handletextpad": 0.5, "legend.borderaxespad": 0.1, "legend.borderpad": 0.2,
        "legend.labelspacing": 0.25,
        "image.cmap": SEQUENTIAL_MAP, "pdf.fonttype": 42, "svg.fonttype": "none",
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.05, "figure.constrained_layout.h_pad": 0.04,
    })


def legend_above(axes, handles, width):
    """A legend above the panel, where no curve is, with as many columns as `width` inches hold."""
    for columns in range(len(handles), 0, -1):
        legend = axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0),
                             ncol=columns)
        if legend.get_window_extent().width <= width * axes.figure.dpi:
            break


def add_figure_options(parser):
    parser.add_argument("-o", "--output", metavar="STEM",
                        help="path of the figures without extension (default: the name of the "
                             "result, in the working directory)")
    parser.add_argument("--format", metavar="LIST", default="png,pdf",
                        help="comma-separated formats out of " + ", ".join(FIGURE_FORMATS)
                             + " (default: %(default)s)")
    parser.add_argument("--title", help="title of the figure (default: that of the scenario)")
    parser.add_argument("--dpi", type=int, default=200,
                        help="resolution of bitmaps (default: %(default)s)")


def check_figure_options(options):
    """Refuses wrong formats and resolutions before any work is done."""
    formats = [name.strip().lower() for name in options.format.split(",") if name.strip()]
    for name in formats:
        if name not in FIGURE_FORMATS:
            raise ScriptError(f"error: --format: unknown format '{name}' (expected some of "
                              f"{', '.join(FIGURE_FORMATS)})", USAGE_ERROR)
    if not formats:
        raise ScriptError("error: --format: no format given", USAGE_ERROR)
    if not 20 <= options.dpi <= 2400:
        raise ScriptError(f"error: --dpi: {options.dpi} is out of range (20 to 2400)", USAGE_ERROR)
    options.formats = list(dict.fromkeys(formats))


def save_figure(figure, stem, options):
    """Writes STEM.FORMAT for every format, each complete or not at all, and prints the names."""
    stem = str(stem)
    for extension in FIGURE_FORMATS:
        stem = stem.removesuffix("." + extension)
    for name in options.formats:
        # The extension comes last because some backends insist on it.
        target, partial = f"{stem}.{name}", f"{stem}.part.{name}"
        try:
            figure.savefig(partial, dpi=options.dpi)
            os.replace(partial, target)
        except OSError as problem:
            if os.path.exists(partial):
                os.remove(partial)
            raise ScriptError(f"{target}: error: cannot be written: {problem.strerror}") from None
        print(f"wrote {target}")
    plt.close(figure)


def run_script(main):
    """Runs `main` and exits; the user sees one line instead of a traceback."""
    try:
        main()
        sys.stdout.flush()
    except ScriptError as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.status)
    except BrokenPipeError:
        # The reader of the table has gone (`| head`); keep the interpreter from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
