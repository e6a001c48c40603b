"""The traces of several results in one figure: files, or the runs of a sweep."""

import re
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D

from .figures import (AXIS_NAMES, COLORS, axis_label, decimal_exponent, escape, incomplete_mark, legend_above, styled,
                      tell_incomplete)
from .overview import CONSTANT, ENERGY_SPAN, NEGLIGIBLE, changes_energy, panel_label, per_cell, per_spin
from .result import USAGE_ERROR, Error, Result, ResultWarning, nan_max
from .sweep import Sweep, as_text

DEFAULT_TRACES = ("field", "population", "coherence", "current", "energy")
STYLES = ("-", "--", ":", "-.")
# More results than this get a bar of colors instead of a legend, where they have a number each.
MAX_ENTRIES = 6
MAX_FILES = 24
MAP = plt.get_cmap("viridis")
# Above this the yellow of the map is too faint for a line on white.
MAP_END = 0.88


@dataclass
class Line:
    """A result in the figure: its legend, its color and its dashes."""

    result: Result
    label: str
    color: object
    style: str = "-"


class Trace:
    """A component of a trace of all the results: NAME, NAME[0] or NAME[0][1], as the index of a sweep has it."""

    def __init__(self, results, name):
        match = re.fullmatch(r"([\w/]+)((?:\[\d+\])*)", name)
        if not match:
            raise Error(f"error: trace '{name}' (expected NAME or, for a component, NAME[0] or NAME[0][1])", USAGE_ERROR)
        self.name, self.index = match[1], tuple(int(n) for n in re.findall(r"\d+", match[2]))
        self.times, self.values = [], []
        for result in results:
            if f"/traces/{self.name}" not in result:
                raise Error(f"{result.path}: error: there is no trace {self.name} (there are: "
                            f"{', '.join(sorted(result.traces))})", USAGE_ERROR)
            trace = result.trace(self.name)
            if self.values and trace.unit != self.unit:
                raise Error(f"{result.path}: error: the unit of {self.name} is {trace.unit}, but {self.unit} in "
                            f"{results[0].path}: they cannot be drawn together", USAGE_ERROR)
            if self.values and trace.values.shape[1:] != self.shape:
                raise Error(f"{result.path}: error: {self.name} has {sizes(trace.values.shape[1:])}, but "
                            f"{sizes(self.shape)} in {results[0].path}: name a component that both have, such as "
                            f"--trace '{self.name}{'[0]' * max(1, len(self.shape))}'", USAGE_ERROR)
            if not self.index or not self.values:
                self.shape, self.unit = trace.values.shape[1:], trace.unit
            if len(self.index) != trace.values.ndim - 1 and self.index or any(
                    i >= n for i, n in zip(self.index, trace.values.shape[1:])):
                raise Error(f"{result.path}: error: trace '{name}': {self.name} has {sizes(trace.values.shape[1:])}, "
                            "counted from 0", USAGE_ERROR)
            if self.index:
                # Other components may be missing elsewhere.
                self.shape = trace.values.shape[1:]
            self.times.append(result.read("/traces/time").values)
            self.values.append(trace.values[(slice(None), *self.index)])
        self.results = results

    def components(self):
        """The components to draw, as indices: the one asked for, or all that are not zero, one of each symmetric
        pair."""
        if self.index or not self.shape:
            return [()]
        largest = max(map(nan_max, self.values))
        found = [index for index in np.ndindex(*self.shape) if list(index) == sorted(index)
                 and max(nan_max(v[(slice(None), *index)]) for v in self.values) > NEGLIGIBLE * largest]
        return found or [(0,) * len(self.shape)]

    def main_component(self):
        """The one that changes most in any of the runs, of two that mirror each other the latter."""
        def change(index):
            part = [v[(slice(None), *index)] for v in self.values]
            return max(nan_max(v - v[0]) for v in part)

        size = {index: change(index) for index in self.components()}
        return [index for index in size if size[index] >= (1 - 1e-6) * max(size.values())][-1]

    def says_something(self, index):
        """Not zero, not constant, and not the same in all the runs if it is the field."""
        values = [v[(slice(None), *index)] for v in self.values]
        if self.name == "field" and all(v.shape == values[0].shape and np.array_equal(v, values[0]) for v in values):
            return False
        if self.name == "energy" and not any(map(changes_energy, self.results)):
            # What is left is an error of the integration.
            return any(nan_max(v - v[0]) > ENERGY_SPAN * nan_max(v) for v in values)
        return any(nan_max(v - v[0]) > CONSTANT * nan_max(v) or self.name == "field" and nan_max(v) > 0 for v in values)

    def label(self, index):
        index = self.index or index
        names = {"field": "$E_{}$", "current": "$J_{}$", "population": "population {}", "coherence": "$|f_{{{}}}|$",
                 "energy": "energy change"}
        if self.name in ("field", "current") and index:
            return names[self.name].format(AXIS_NAMES[index[0]])
        if self.name == "population" and index:
            return f"population {index[0]}"
        if self.name == "coherence" and index:
            return names["coherence"].format((r"\," if max(index) > 9 else "").join(map(str, index)))
        return self.name.replace("_", " ").removeprefix("user/") + "".join(f" {i}" for i in index)


def sizes(shape):
    return " x ".join(map(str, shape)) + " component" + "s" * (shape != (1,)) if shape else "one component"


def lines_of(results, labels):
    """Results as they are named, each with a color of its own. Returns the lines, and no bar."""
    if len(results) > MAX_FILES:
        raise Error(f"error: {len(results)} results (expected up to {MAX_FILES} files; a sweep is drawn from its "
                    "folder)", USAGE_ERROR)
    if labels is None:
        stems = [result.path.stem for result in results]
        labels = stems if len(set(stems)) == len(stems) else [str(result.path) for result in results]
    if len(results) <= len(COLORS):
        colors = COLORS
    else:
        colors = MAP(np.linspace(0, MAP_END, len(results)))
    return [Line(result, escape(str(label)), color) for result, label, color in zip(results, labels, colors)], None


def lines_of_sweep(sweep, results):
    """Runs of a sweep: the swept value with the most values is the color, the others are the dashes."""
    varied = {name: values for name, (_, _, values) in sweep.parameters.items() if len(values) > 1}
    order = sorted(varied or sweep.parameters, key=lambda name: -len(sweep.parameters[name][2]))
    name, others = order[0], order[1:]
    key, unit, values = sweep.parameters[name]
    combinations = list(dict.fromkeys(tuple(member[other] for other in others) for member, _ in results))
    if len(combinations) > len(STYLES):
        raise Error(f"{sweep.path}: error: {len(results)} runs over {', '.join(order)} are too many for one figure: "
                    f"beside {name} there are {len(combinations)} combinations (expected up to {len(STYLES)}); name "
                    "some of its files", USAGE_ERROR)
    numeric = all(isinstance(value, float) for value in values)
    norm = None
    if numeric and len(values) > 1:
        low, high = min(values), max(values)
        is_log = low > 0 and len(values) > 2 and np.ptp(np.diff(np.log(values))) < 1e-6 < np.ptp(np.diff(values))
        norm = (LogNorm if is_log else Normalize)(low, high)
    palette = {value: MAP(MAP_END * float(norm(value))) if norm else (*COLORS, *MAP(np.linspace(0, MAP_END, 40)))[i]
               for i, value in enumerate(values)}
    if norm is None and len(values) > len(COLORS) + 40:
        raise Error(f"{sweep.path}: error: {len(values)} values of {key} are too many for a legend", USAGE_ERROR)
    unit_text = "" if unit == "1" else f" {unit}"
    lines = [Line(result, f"{as_text(member[name])}{unit_text}", palette[member[name]],
                  STYLES[combinations.index(tuple(member[other] for other in others))]) for member, result in results]
    styles = [(", ".join(f"{other} = {as_text(value)} {sweep.parameters[other][1].removesuffix('1')}".strip()
                         for other, value in zip(others, combination)), style)
              for combination, style in zip(combinations, STYLES)] if others else []
    bar = (name.replace("_", " "), unit, norm) if norm and len(values) > MAX_ENTRIES else None
    return lines, (name, bar, styles)


def legend_handles(lines, about):
    """Entries of the legend, and the bar of colors that stands for them where there are many values."""
    if about is None:
        return [Line2D([], [], color=line.color, label=line.label) for line in lines], None
    name, bar, styles = about
    handles = [Line2D([], [], color="#4D4D4D", linestyle=style, label=text) for text, style in styles]
    if bar is None:
        entries = {line.label: line.color for line in lines}
        texts = [f"{name.replace('_', ' ')} = {label}" if i == 0 else label for i, label in enumerate(entries)]
        handles = [Line2D([], [], color=color, label=escape(text))
                   for text, color in zip(texts, entries.values())] + handles
    return handles, bar


def draw_trace(axes, trace, index, lines, width):
    values = [v[(slice(None), *index)] for v in trace.values]
    if trace.name == "energy":
        values = [v - v[0] for v in values]
    elif trace.name == "coherence":
        values = [np.abs(v) for v in values]
    scale, unit = 1.0, trace.unit
    if trace.name == "field" and unit == "V/angstrom":
        scale, unit = 1e2, "MV/cm"
    exponent = decimal_exponent(scale * max(map(nan_max, values)))
    for line, time, v in zip(lines, trace.times, values):
        axes.plot(time, scale * v / 10.0**exponent, color=line.color, linestyle=line.style, linewidth=1.2,
                  marker="o" if time.size == 1 else None)
    axes.yaxis.set_major_locator(plt.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    per = (per_cell(trace.results[0]) if trace.name in ("energy", "work", "number", "current") else
           per_spin(trace.results[0]) if trace.name in ("population", "coherence") else "")
    name = "energy change" if trace.name == "energy" else trace.label(index)
    axes.set_ylabel(panel_label(name, unit, exponent, per))


def open_results(results):
    """The sweep if there is one, with its results, or the results themselves."""
    if isinstance(results, (str, Path)):
        results = Sweep(results) if Path(results).is_dir() else [results]
    elif isinstance(results, Result):
        results = [results]
    if not isinstance(results, Sweep):
        return None, [result if isinstance(result, Result) else Result(result) for result in results]
    found = [(member.values, Result(member.path)) for member in results.members if member.is_there]
    if not found:
        raise Error(f"{results.path}: error: no run of the sweep has a result")
    if len(found) < len(results):
        warnings.warn(f"{results.path}: warning: {len(results) - len(found)} of {len(results)} runs have no result and "
                      "are left out", ResultWarning, stacklevel=4)
    return results, found


@styled
def plot_traces(results, traces=None, labels=None, title=None):
    """Draws the traces of several results over each other, a panel per trace.

    results  a Sweep or its folder; or results, files of results, or both in a list
    traces   names such as "current", "population[1]", "user/sz": all components that are not zero, or one
             (default: of field, population, coherence, current and energy what changes, the component that
             changes most)
    labels   of the results in the legend (default: the names of the files; in a sweep the swept values)
    title    default: that of the first scenario; "" for none
    """
    sweep, found = open_results(results)
    if not found:
        raise Error("error: no results to draw", USAGE_ERROR)
    opened = [result for _, result in found] if sweep else found
    for result in opened:
        if "/traces/time" not in result:
            hint = f" (keldrift.Sweep('{sweep.path}').index has its numbers)" if sweep else ""
            raise Error(f"{result.path}: error: there are no traces{hint}")
        if result.shape("/traces/time")[0] == 0:
            raise Error(f"{result.path}: error: there are no frames in /traces")
    time_units = [result.read("/traces/time", slice(0, 0)).unit for result in opened]
    for result, unit in zip(opened, time_units):
        if unit != time_units[0]:
            raise Error(f"{result.path}: error: the unit of time is {unit}, but {time_units[0]} in {opened[0].path}: "
                        "they cannot be drawn together", USAGE_ERROR)
    panels = []
    if traces is None:
        for name in DEFAULT_TRACES:
            if all(f"/traces/{name}" in result for result in opened):
                try:
                    trace = Trace(opened, name)
                except Error as problem:
                    warnings.warn(f"{problem}".replace(" error:", " warning:", 1) + "; left out", ResultWarning,
                                  stacklevel=3)
                    continue
                index = trace.main_component()
                if trace.says_something(index):
                    panels.append((trace, index))
        if not panels:
            raise Error(f"{opened[0].path}: error: none of {', '.join(DEFAULT_TRACES)} is in all the results and "
                        "changes: name one with --trace", USAGE_ERROR)
    else:
        for name in traces:
            trace = Trace(opened, name)
            panels += [(trace, index) for index in trace.components()]
    lines, about = lines_of_sweep(sweep, found) if sweep else lines_of(opened, labels)
    handles, bar = legend_handles(lines, about)

    width = 6.2
    figure, all_axes = plt.subplots(len(panels), 1, sharex=True, squeeze=False,
                                    figsize=(width, 1.45 * len(panels) + 1.1))
    for axes, (trace, index) in zip(all_axes[:, 0], panels):
        draw_trace(axes, trace, index, lines, width)
    all_axes[-1, 0].set_xlabel(axis_label("time", time_units[0]))
    figure.align_ylabels()
    if handles:
        legend_above(all_axes[0, 0], handles, width - (1.9 if bar else 1.1))
    if bar:
        name, unit, norm = bar
        colors = MAP(np.linspace(0, MAP_END, 256))
        mappable = ScalarMappable(norm, plt.matplotlib.colors.ListedColormap(colors))
        made = figure.colorbar(mappable, ax=list(all_axes[:, 0]), label=axis_label(name, unit), aspect=30)
        made.outline.set_linewidth(0.8)
    lines = textwrap.wrap(escape(opened[0].title if title is None else title), int(12 * width))
    for result in opened:
        if result.incomplete:
            tell_incomplete(result, 3)
            lines.append(f"{incomplete_mark(result.incomplete)} ({escape(result.path.name)})")
    if lines:
        figure.suptitle("\n".join(lines))
    return figure
