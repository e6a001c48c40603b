"""The look that all figures share, and what the figures of the scripts have in common."""

import argparse
import functools
import math
import os
import re
import sys
import textwrap
import warnings

import matplotlib.pyplot as plt

from .result import USAGE_ERROR, Error, ResultWarning, replacing

# Okabe and Ito's palette without its yellow, which is too faint for a line on white, and a gray.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
FAINT = "#BDBDBD"
SEQUENTIAL_MAP = "cividis"
DIVERGING_MAP = "RdBu_r"

AXIS_NAMES = "xyz"
FIGURE_FORMATS = ("png", "pdf", "svg", "eps")


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


# 9 pt text at final size, distinguishable colors.
STYLE = {
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
}


def heading_of(result, title, width):
    """The heading of a figure of a result: `title`, or that of the scenario, in lines of `width` characters;
    under it, where the result is a checkpoint, how far the run has come, which is told as a warning too."""
    heading = "\n".join(textwrap.wrap(escape(result.title if title is None else title), width))
    if not result.incomplete:
        return heading
    tell_incomplete(result, 3)
    return "\n".join(line for line in (heading, incomplete_mark(result.incomplete)) if line)


def incomplete_mark(progress):
    return f"INCOMPLETE: a checkpoint at {progress}"


def tell_incomplete(result, level):
    warnings.warn(f"{result.path}: warning: incomplete: a checkpoint at {result.incomplete} (keldrift run "
                  f"--restart {result.path} goes on)", ResultWarning, stacklevel=level + 1)


def apply_style():
    """Sets the look for all figures from here on."""
    plt.rcParams.update(STYLE)


def styled(function):
    """Makes a drawing function use the look without changing that of other figures."""
    @functools.wraps(function)
    def wrapped(*arguments, **options):
        # Not rc_context: it would also undo what a backend sets when its first figure is made.
        before = {key: plt.rcParams[key] for key in STYLE}
        plt.rcParams.update(STYLE)
        try:
            return function(*arguments, **options)
        finally:
            plt.rcParams.update(before)
    return wrapped


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


def figure_options(document, **arguments):
    """The command line of a script that makes one figure: its options, checked, after the look is set.

    document is that of the script, and each further argument a positional one of the script with what
    argparse wants to know of it.
    """
    parser = argparse.ArgumentParser(description=document,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, details in arguments.items():
        parser.add_argument(name, **details)
    add_figure_options(parser)
    options = parser.parse_args()
    check_figure_options(options)
    apply_style()
    return options


def check_figure_options(options):
    """Refuses wrong formats and resolutions before any work is done."""
    formats = [name.strip().lower() for name in options.format.split(",") if name.strip()]
    for name in formats:
        if name not in FIGURE_FORMATS:
            raise Error(f"error: --format: unknown format '{name}' (expected some of "
                        f"{', '.join(FIGURE_FORMATS)})", USAGE_ERROR)
    if not formats:
        raise Error("error: --format: no format given", USAGE_ERROR)
    if not 20 <= options.dpi <= 2400:
        raise Error(f"error: --dpi: {options.dpi} is out of range (20 to 2400)", USAGE_ERROR)
    options.formats = list(dict.fromkeys(formats))


def save_figure(figure, stem, options):
    """Writes STEM.FORMAT for every format, each complete or not at all, and prints the names."""
    stem = str(stem)
    for extension in FIGURE_FORMATS:
        stem = stem.removesuffix("." + extension)
    for name in options.formats:
        target = f"{stem}.{name}"
        with replacing(target) as partial:
            figure.savefig(partial, dpi=options.dpi)
        print(f"wrote {target}")
    plt.close(figure)


def show_warning(message, category, filename, lineno, file=None, line=None):
    """Warnings of results in one line, others as Python shows them."""
    text = (str(message) if issubclass(category, ResultWarning)
            else warnings.formatwarning(message, category, filename, lineno, line).rstrip())
    print(text, file=file or sys.stderr)


def run_script(main):
    """Runs `main` and exits; the user sees one line instead of a traceback."""
    plt.switch_backend("Agg")
    apply_style()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", ResultWarning)
            warnings.showwarning = show_warning
            main()
        sys.stdout.flush()
    except Error as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.status)
    except BrokenPipeError:
        # The reader of the table has gone (`| head`); keep the interpreter from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
