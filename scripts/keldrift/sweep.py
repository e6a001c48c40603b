"""Reading sweeps: the folder that `keldrift run --sweep` fills.

    sweep = Sweep("mine_sweep")
    sweep.traces.current.sel(amplitude=0.5)     # [gap, time, direction]
    sweep.index["energy"]                       # the last record of a trace, against the swept values
    for values, result in sweep:                # member by member
        ...
"""

import csv
import re
import warnings
from functools import cached_property
from pathlib import Path

import numpy as np
import xarray

from .result import Error, Result, ResultWarning

INDEX = "index.csv"
# Columns of the index that are no numbers of a run.
TEXTS = {"run", "file", "state", "error"}


class Member:
    """A run of a sweep: its values by name, its state and its file."""

    def __init__(self, folder, row, values):
        self.values = values
        self.state = row.get("state", "")
        self.path = folder / row["file"] if row.get("file") else None

    @property
    def is_there(self):
        return self.path is not None and self.path.exists()


class Sweep:
    """A sweep, from its folder.

    parameters              the swept keys: {short name: (key, unit, values)}
    index                   index.csv as an xarray.Dataset over the swept values: the last record of every trace
    traces, snapshots,      the groups of all the results as one xarray.Dataset: in front of the dimensions of each
    steady                  variable those of the swept values; NaN where a run failed
    members                 the runs in the order of the index
    iteration               ({name: value}, Result) of every run that has a result

    A swept key goes by its last part (`amplitude` for field.0.amplitude) where that is not ambiguous.
    Variables whose shapes or times differ between the runs are left out with a warning.
    """

    def __init__(self, folder):
        self.path = Path(folder)
        try:
            with open(self.path / INDEX, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError) as problem:
            raise Error(f"{self.path / INDEX}: error: cannot be read: "
                        f"{getattr(problem, 'strerror', None) or 'not a text'}") from None
        header = list(rows[0]) if rows else []
        if "file" not in header:
            raise Error(f"{self.path / INDEX}: error: is no index of a sweep (expected rows with a column file)")
        columns = [name for name in header[:header.index("file")] if name != "run"]
        keys, units = zip(*map(split_unit, columns)) if columns else ((), ())
        last = [key.split(".")[-1] for key in keys]
        short = [name if last.count(name) == 1 and not name.isdigit() else key for key, name in zip(keys, last)]
        values = {name: [as_number(row[column]) for row in rows] for name, column in zip(short, columns)}
        self.parameters = {name: (key, unit, list(dict.fromkeys(values[name])))
                           for name, key, unit in zip(short, keys, units)}
        self.members = [Member(self.path, row, {name: values[name][i] for name in short})
                        for i, row in enumerate(rows)]
        self._rows, self._columns = rows, [name for name in header if name not in TEXTS | set(columns)]

    def __repr__(self):
        over = ", ".join(f"{name} ({len(values)})" for name, (_, _, values) in self.parameters.items())
        return f"<keldrift.Sweep {self.path}: {len(self.members)} runs over {over}>"

    def __len__(self):
        return len(self.members)

    def __iter__(self):
        for member in self.members:
            if member.is_there:
                with Result(member.path) as result:
                    yield member.values, result

    def label(self, values):
        """The values of a run as a text: 'amplitude = 0.5 MV/cm, gap = 0.1 eV'."""
        return ", ".join(f"{name} = {as_text(value)} {self.parameters[name][1].removesuffix('1')}".rstrip()
                         for name, value in values.items())

    @cached_property
    def index(self):
        parts = {}
        for column in self._columns:
            name, unit = split_unit(column)
            numbers = [as_number(row[column]) for row in self._rows]
            parts[name] = [((), np.nan if isinstance(x, str) else x, {"units": unit, "long_name": name})
                           for x in numbers]
        return xarray.Dataset({name: self._stack(part, parts) for name, part in parts.items()},
                              self._coordinates(parts))

    @cached_property
    def traces(self):
        return self._group("traces")

    @cached_property
    def snapshots(self):
        return self._group("snapshots")

    @cached_property
    def steady(self):
        return self._group("steady")

    def _group(self, group):
        parts = []
        for member in self.members:
            parts.append(None)
            if member.is_there:
                with Result(member.path) as result:
                    parts[-1] = result.dataset(f"/{group}")
        there = [part for part in parts if part is not None]
        if not there:
            raise Error(f"{self.path}: error: no run of the sweep has a result")
        first = there[0]
        apart = [name for name in first.variables if not all(
            name in part.variables and part[name].dims == first[name].dims and part[name].shape == first[name].shape
            for part in there)]
        apart += [name for name in first.coords if name not in apart and not all(
            np.allclose(part[name].values, first[name].values, rtol=1e-9, atol=0) for part in there)]
        names = [name for name in first.data_vars if not {name, *first[name].dims} & set(apart)]
        if apart:
            text = (f"{self.path}: {{}}: {', '.join(apart)} of /{group} differ{'s' * (len(apart) == 1)} from run to run"
                    + ("" if names else ": take the runs one by one (for values, result in sweep)"))
            if not names:
                raise Error(text.format("error"))
            warnings.warn(text.format("warning") + f"; left out: {', '.join(set(first.data_vars) - set(names))}",
                          ResultWarning, stacklevel=3)
        kept = {dim for name in names for dim in first[name].dims}
        taken = kept | set(names)
        variables = {name: self._stack([None if part is None else
                                        (part[name].dims, part[name].values, part[name].attrs) for part in parts],
                                       taken) for name in names}
        return xarray.Dataset(variables, {**{name: first[name] for name in first.coords if name in kept},
                                          **self._coordinates(taken)})

    def _dimensions(self, taken):
        """Names of the dimensions of the swept values, which may not be those `taken` by the data."""
        return [key if name in taken else name for name, (key, _, _) in self.parameters.items()]

    def _coordinates(self, taken):
        return {dim: (dim, values, {"long_name": name.replace("_", " "), "description": key,
                                    **({} if unit == "1" else {"units": unit})})
                for dim, (name, (key, unit, values)) in zip(self._dimensions(taken), self.parameters.items())}

    def _stack(self, parts, taken):
        """One variable of all the runs, [swept values…, its own dimensions…]; a part is None where there is none."""
        dims, values, attributes = next(part for part in parts if part is not None)
        shape = [len(values) for _, _, values in self.parameters.values()]
        kind = np.result_type(np.asarray(values).dtype, float)
        whole = np.full((*shape, *np.shape(values)), np.nan, kind)
        for member, part in zip(self.members, parts):
            if part is not None:
                at = tuple(self.parameters[key][2].index(value) for key, value in member.values.items())
                whole[at] = part[1]
        return ([*self._dimensions(taken), *dims], whole, attributes)


def split_unit(column):
    """'field.0.amplitude [MV/cm]' as the name and the unit, '1' without one."""
    match = re.fullmatch(r"(.*?)(?: \[([^\]]*)\])?", column)
    return match[1], match[2] or "1"


def as_number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return text or ""


def as_text(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
