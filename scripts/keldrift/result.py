"""Reading results.

    with Result("relaxation.h5") as result:
        current = result.read("/traces/current")
        print(current.values.shape, current.unit, current.dims)
        print(result.traces.current)  # the same as part of an xarray.Dataset

The layout of a result file is described by `keldrift info FILE.h5` and in docs/result.md.
"""

import os
import re
import shutil
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import xarray
import yaml

USAGE_ERROR = 2
FILE_ERROR = 3

# CODATA 2018
HBAR_EV_FS = 0.6582119569
HBAR_SI = 1.054571817e-34
ELEMENTARY_CHARGE_SI = 1.602176634e-19

# Axes that count things, from 0, which the file holds as floating-point numbers.
COUNTED = {"band", "band_2", "orbital", "orbital_2", "direction", "direction_2", "direction_r", "contact",
           "branch", "phonon_mode"}


class Error(Exception):
    """A problem to be told to the user in one line, with the exit status that goes with it."""

    def __init__(self, message, status=FILE_ERROR):
        super().__init__(message)
        self.status = status


def check_target(file, *inputs):
    """Refuses to write `file` in place of what is no ordinary file, such as a pipe or a device, or of
    one of the files that are read; returns the file to replace, which a link leads to."""
    if os.path.exists(file) and not os.path.isfile(file):
        raise Error(f"{file}: error: is not an ordinary file, so it is not replaced", USAGE_ERROR)
    for name in inputs:
        if os.path.exists(file) and os.path.exists(name) and os.path.samefile(file, name):
            raise Error(f"{file}: error: is the file that is read (expected another name)", USAGE_ERROR)
    return os.path.realpath(file)


@contextmanager
def replacing(file, *inputs):
    """The name of a file to write, which takes the place of `file` when it is complete and goes where
    it cannot be written; the extension is that of `file`, on which some writers insist."""
    target = check_target(file, *inputs)
    stem, extension = os.path.splitext(target)
    partial = f"{stem}.part{extension}"
    try:
        yield partial
        os.replace(partial, target)
    except OSError as problem:
        if os.path.exists(partial):
            os.remove(partial)
        raise Error(f"{file}: error: cannot be written: {problem.strerror}") from None


def number_of(quantity, default=0.0):
    """The number of a resolved quantity such as '0.15 eV', which is in the units of the file."""
    return default if quantity is None else float(str(quantity).split()[0])


class ResultWarning(UserWarning):
    """Something doubtful about a result or what is made of it."""


@dataclass
class Quantity:
    """An array of a result file with what the file says about it."""

    values: np.ndarray
    unit: str = "1"
    long_name: str = ""
    dims: tuple = ()
    attributes: dict = field(default_factory=dict)


class Result:
    """A result file, open for reading.

    traces, snapshots, grid, model, steady
        the groups of the file as xarray.Dataset, with units, long_name (short, for axes of plots) and
        description (what the file says) as attributes and the dimension scales as coordinates, those of
        bands, orbitals and directions as integers from 0; user observables are the variables user/NAME
        of traces.
        They are read as a whole when first asked for; `dataset` and `read` take parts of what is too
        large for that.
    scenario, parameters
        the resolved scenario as text and as nested dictionaries
    run, warnings, summary
        the attributes of /run, its warnings, and what the program printed (empty for a file that
        was only loaded)
    """

    def __init__(self, path, summary="", folder=None):
        self.path = Path(path)
        self.summary = summary
        if folder is not None:  # a temporary one that lives as long as the result
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        if not self.path.exists():
            raise Error(f"{path}: error: no such file")
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
            raise Error(f"{path}: error: cannot be read: {reason}") from None

    def close(self):
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        groups = ", ".join(sorted(self._file)) if self._file else "closed"
        return f"<keldrift.Result {self.path} '{self.title}': {groups}>"

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
            raise Error(f"{self.path}: error: {name} cannot be read: "
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
            raise Error(f"{self.path}: error: /traces/{name} has shape "
                        f"{quantity.values.shape}, but there are {n_frame} frames")
        return quantity

    def dataset(self, group, names=None):
        """The datasets `names` (default: all) of a group as an xarray.Dataset."""
        if not isinstance(self._file.get(group), h5py.Group):
            raise Error(f"{self.path}: error: there is no group {group}")
        found = []
        self._file[group].visititems(
            lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        variables, coordinates = {}, {}
        for name in found:
            if h5py.h5ds.is_scale(self._file[f"{group}/{name}"].id):
                scale = self.read(f"{group}/{name}")
                values, attributes = scale.values, described(name, scale.attributes)
                if name in COUNTED:
                    values = values.astype(int)
                    attributes.pop("units", None)
                coordinates[name] = (name, values, attributes)
            elif names is None or name in names:
                quantity = self.read(f"{group}/{name}")
                variables[name] = (quantity.dims, quantity.values,
                                   described(name, quantity.attributes))
        for name in names or ():
            if name not in variables:
                self._dataset(f"{group}/{name}")
        used = {dim for dims, _, _ in variables.values() for dim in dims}
        return xarray.Dataset(variables, {name: scale for name, scale in coordinates.items()
                                          if name in used or not variables})

    @cached_property
    def traces(self):
        return self.dataset("/traces")

    @cached_property
    def snapshots(self):
        return self.dataset("/snapshots")

    @cached_property
    def grid(self):
        return self.dataset("/grid")

    @cached_property
    def model(self):
        return self.dataset("/model")

    @cached_property
    def steady(self):
        return self.dataset("/steady")

    def kicks(self):
        """Times [n] and impulses [n, 3] of the delta kicks in the field."""
        attributes = self.trace("field").attributes
        times = np.atleast_1d(np.asarray(attributes.get("kick_time", []), float))
        impulses = np.atleast_1d(np.asarray(attributes.get("kick_impulse", []), float))
        if impulses.size != 3 * times.size:
            raise Error(f"{self.path}: error: /traces/field has {times.size} kick times, "
                        f"but {impulses.size} numbers for the impulses (expected "
                        f"{3 * times.size})")
        return times, impulses.reshape(-1, 3)

    @property
    def attributes(self):
        """Attributes of the file: version, command, date, ..."""
        return {key: _text(value) for key, value in self._file.attrs.items()}

    @property
    def run(self):
        if "run" not in self._file:
            return {}
        return {key: _text(value) for key, value in self._file["run"].attrs.items()
                if key != "warnings"}

    @property
    def warnings(self):
        if "run" not in self._file:
            return []
        return [str(_text(text)) for text in
                np.atleast_1d(self._file["run"].attrs.get("warnings", []))]

    @property
    def scenario(self):
        """The resolved scenario as text, empty if the file has none."""
        return str(_text(self._file["/scenario"][()])) if "/scenario" in self else ""

    @cached_property
    def parameters(self):
        """The resolved scenario as nested dictionaries; quantities are texts with their unit."""
        try:
            return yaml.load(self.scenario, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
        except yaml.YAMLError:
            raise Error(f"{self.path}: error: /scenario is not YAML") from None

    @property
    def title(self):
        return str(self.parameters.get("title") or "") or self.path.stem

    @property
    def incomplete(self):
        """How far the run has come if the file is a checkpoint ('12 of 60 fs'), else ''."""
        if "checkpoint" not in self._file:
            return ""
        attributes = self._file["checkpoint"].attrs
        unit = "" if self.is_natural else " fs"
        return f"{attributes.get('time', 0):.4g} of {attributes.get('duration', np.nan):.4g}{unit}"

    @property
    def has_collisions(self):
        return str(self.run.get("ansatz", "none")) != "none"

    @property
    def has_field(self):
        return "/traces/field" in self and (nan_max(self.trace("field").values) > 0
                                            or nan_max(self.kicks()[1]) > 0)

    @property
    def has_moving_potential(self):
        return any("modulation" in term for term in self.parameters.get("potential") or [])

    @property
    def is_natural(self):
        return self.parameters.get("units") == "natural"

    @property
    def hbar(self):
        """In the units of the file: eV fs, or what the scenario says where they are natural."""
        return float(self.parameters.get("hbar", 1.0)) if self.is_natural else HBAR_EV_FS

    def _dataset(self, name):
        dataset = self._file.get(name)
        if not isinstance(dataset, h5py.Dataset):
            known = any(group in self._file for group in ("traces", "steady"))
            raise Error(f"{self.path}: error: there is no dataset {name}"
                        + ("" if known else " (is it a keldrift result?)"))
        return dataset


def _text(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.size == 1:
        return value.item()
    return value.item() if isinstance(value, np.generic) else value


def described(name, attributes):
    """Attributes with a short long_name, for the axes of plots, and the whole text as description."""
    text = str(attributes.get("long_name", ""))
    short = re.split(r"[,;]", text)[0].strip()
    if not short or short.startswith("g_s "):
        # A formula: the name of the dataset says what it is.
        short = name.removeprefix("user/").replace("_", " ") + (" per cell" if "per cell" in text else "")
    if name in COUNTED:
        short = re.sub(r"_\d$", "", name).replace("_", " ")
    return {**attributes, "long_name": short, "description": text}


def to_si(quantity):
    """A DataArray with attributes si_factor and si_unit, as /steady/conductivity, in SI units."""
    attributes = dict(quantity.attrs)
    factor = attributes.pop("si_factor", None)
    if factor is None:
        raise Error(f"error: {quantity.name} has no attribute si_factor", USAGE_ERROR)
    attributes["units"] = attributes.pop("si_unit")
    return (quantity * float(factor)).assign_attrs(attributes)


def nan_max(values):
    """Largest magnitude of the finite entries, 0 if there are none."""
    magnitudes = np.abs(values)
    magnitudes = magnitudes[np.isfinite(magnitudes)]
    return float(magnitudes.max()) if magnitudes.size else 0.0
