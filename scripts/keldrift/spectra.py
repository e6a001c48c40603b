"""Spectra: the conductivity, emitted light, and Fourier maps.

conductivity
    sigma_ij(omega) = J_i(omega) / E_j(omega) from the response to a kick or to a weak pulse along
    one direction, with J(omega) = integral of J(t) exp(i omega t) dt, so that a Drude metal has
    sigma = D / (gamma - i omega). What came before the field set in is left out, and the current at
    that time is subtracted. The result is linear response only if the field is weak: halve it, and
    sigma must not change.

    Damping. J(t) is multiplied by exp(-eta (t - t0)) with eta = width / hbar before it is
    transformed, and so is the field. The ratio is then exactly sigma(omega + i eta), whatever the
    shape of the field: every line is broadened to a Lorentzian with half its width at half maximum
    equal to the width. The origin t0 is the (first) kick, or for a pulse the center of |E|^2; for
    this window it drops out of the ratio. With window "gauss", both are multiplied by
    exp(-(eta (t - t0))^2 / 2) instead: Gaussian lines of standard deviation width; for a kick this
    is exact, for a pulse it needs one that is short compared with 1/eta.

    Quadrature. J and E between frames are cubic splines, integrated with the damping and the
    oscillation by six Gauss points per interval. At a kick J jumps and the frame at that time lies
    before it: the value just after is extrapolated by the parabola through the next three frames,
    and the splines on either side are separate. The error is of fourth order in the frame interval;
    an estimate comes from every second frame. Energies above pi hbar / (frame interval) cannot be
    resolved.

harmonics
    |omega J(omega)|^2 of the emitted light with a Hann window over the whole run, by the
    trapezoidal rule, which converges fastest for a function that vanishes at both ends. The orders
    are counted from the carrier frequency that the scenario gives the strongest of its pulses and
    cosines, else from the photon energy at which the trace of the field is strongest.

spectrogram
    the same through a Gaussian window that moves along: what is emitted when.

coherence_map
    |f_nm(k, omega)|^2, the coherence between two bands at every k, from the snapshots, with a Hann
    window over their time: without a field a line at E_n(k) - E_m(k).
"""

import re
import textwrap
import warnings
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import xarray
from matplotlib.colors import LogNorm
from scipy.interpolate import BarycentricInterpolator, CubicSpline

from .figures import (AXIS_NAMES, COLORS, SEQUENTIAL_MAP, axis_label, decimal_exponent, escape,
                      incomplete_mark, legend_above, styled, tell_incomplete)
from .result import (ELEMENTARY_CHARGE_SI, HBAR_SI, USAGE_ERROR, Error, ResultWarning, nan_max,
                     number_of)

GAUSS_NODE, GAUSS_WEIGHT = np.polynomial.legendre.leggauss(6)
# e^2 / (4 hbar), the conductivity of a sheet of graphene between its bands, in siemens
SHEET_UNIT = ELEMENTARY_CHARGE_SI**2 / (4 * HBAR_SI)
NEGLIGIBLE = 1e-9
# What is left of the damped current at the end of the run makes ripples of about this size.
TRUNCATION_LIMIT = 0.01
# A pulse sets in where it exceeds this fraction of its maximum.
ONSET = 1e-8
# Populations are of second order in the field: a change beyond this fraction is no linear response.
LINEAR_LIMIT = 1e-3
QUADRATURE_LIMIT = 0.02
# Frames resolve a current if the upper fifth of the energies that they hold has less than this fraction of
# its largest Fourier component.
UNRESOLVED = 1e-2
# The axis reaches at least this multiple of the fundamental, and frames are advised that hold twice the order.
LEAST_REACH, ADVISED_ORDER = 1.5, 5
HARMONIC_RANGE = 1e-16
MAP_RANGE = 1e-8


@dataclass
class Drive:
    """What acted and what came of it; every array in the units of the file."""

    time: np.ndarray  # [t]
    current: np.ndarray  # [t, d], less that of the first frame
    field: np.ndarray  # [t, d], without kicks
    kick_time: np.ndarray  # [n]
    kick_impulse: np.ndarray  # [n, d]

    @property
    def tolerance(self):
        return 1e-9 * (self.time[-1] - self.time[0])

    @property
    def origin(self):
        """The first kick, else the center of |E|^2."""
        if self.kick_time.size:
            return self.kick_time.min()
        weight = np.sum(self.field**2, axis=1)
        return np.trapz(weight * self.time, self.time) / np.trapz(weight, self.time)

    def from_onset(self):
        """Without the frames long before the field, whose noise the damping would blow up."""
        strength = np.abs(self.field).max(axis=1)
        acts = (strength > ONSET * strength.max()) if strength.max() > 0 else strength > 0
        for time in self.kick_time:
            acts |= self.time > time + self.tolerance
        # Three frames of quiet allow a parabola up to the first kick.
        start = max(0, int(np.argmax(acts)) - 3)
        return Drive(self.time[start:], self.current[start:] - self.current[start],
                     self.field[start:], self.kick_time, self.kick_impulse)


def read_drive(result):
    if result.incomplete:
        tell_incomplete(result, 3)
    time = result.read("/traces/time").values
    if time.size < 8:
        raise Error(f"{result.path}: error: only {time.size} frames (expected at least 8)")
    if not np.all(np.diff(time) > 0):
        raise Error(f"{result.path}: error: /traces/time does not increase")
    current, field = result.trace("current").values, result.trace("field").values
    for name, values in (("current", current), ("field", field)):
        if not np.all(np.isfinite(values)):
            raise Error(f"{result.path}: error: /traces/{name} is not finite everywhere")
    kick_time, kick_impulse = result.kicks()
    inside = (kick_time >= time[0]) & (kick_time < time[-1])
    return Drive(time, current - current[0], field, kick_time[inside],
                 kick_impulse[inside, :field.shape[1]])


def pieces(time, values, breaks, tolerance):
    """Splits samples [t, d] at the times where they may jump; a sample at a break lies before it.

    Each piece reaches from break to break; values that are missing at its ends are extrapolated by
    the parabola through the three nearest samples of the piece.
    """
    limits = [time[0]] + [b for b in np.unique(breaks) if b > time[0] + tolerance] + [time[-1]]
    starts_with_break = bool(np.any(np.abs(breaks - time[0]) <= tolerance))
    for number, (start, end) in enumerate(zip(limits[:-1], limits[1:])):
        jumps = number > 0 or starts_with_break
        first = start + tolerance if jumps else start - tolerance
        inside = (time > first) & (time <= end + tolerance)
        t, v = time[inside], values[inside]
        if t.size == 0:
            raise Error(f"error: no frame between the kicks at {start:g} and {end:g} "
                        "(make output.every smaller)", USAGE_ERROR)
        # Taken from the frames alone, before either end is added.
        head = BarycentricInterpolator(t[:3], v[:3])(start) if t[0] > start + tolerance else None
        tail = BarycentricInterpolator(t[-3:], v[-3:])(end) if t[-1] < end - tolerance else None
        if head is not None:
            t, v = np.concatenate([[start], t]), np.concatenate([head[None], v])
        if tail is not None:
            t, v = np.concatenate([t, [end]]), np.concatenate([v, tail[None]])
        yield t, v


def quadrature(time, values, breaks, tolerance):
    """Nodes [n], weights [n] and spline values [n, d] for integrals over the whole run."""
    nodes, weights, samples = [], [], []
    for t, v in pieces(time, values, breaks, tolerance):
        half = np.diff(t) / 2
        node = ((t[1:] + t[:-1]) / 2)[:, None] + half[:, None] * GAUSS_NODE
        nodes.append(node.ravel())
        weights.append((half[:, None] * GAUSS_WEIGHT).ravel())
        samples.append(CubicSpline(t, v, axis=0)(node.ravel()))
    return np.concatenate(nodes), np.concatenate(weights), np.concatenate(samples)


def transform(omega, time, samples, origin):
    """Sum over t of samples(t) [t, d] exp(i omega (t - origin)), as [omega, d]."""
    chunk = max(1, 4_000_000 // time.size)
    parts = [np.exp(1j * np.outer(omega[i:i + chunk], time - origin)) @ samples
             for i in range(0, omega.size, chunk)]
    return np.concatenate(parts)


def damping(kind, eta, t):
    return np.exp(-eta * t) if kind == "exp" else np.exp(-(eta * t)**2 / 2)


def damped_transforms(drive, omega, eta, kind, stride=1):
    """J(omega) and E(omega), both [omega, d], from every `stride`-th frame."""
    origin = drive.origin
    time = drive.time[::stride]
    t, w, current = quadrature(time, drive.current[::stride], drive.kick_time, drive.tolerance)
    j = transform(omega, t, (w * damping(kind, eta, t - origin))[:, None] * current, origin)
    e = np.zeros_like(j)
    if nan_max(drive.field) > 0:
        t, w, field = quadrature(time, drive.field[::stride], np.empty(0), drive.tolerance)
        e += transform(omega, t, (w * damping(kind, eta, t - origin))[:, None] * field, origin)
    if drive.kick_time.size:
        kick = damping(kind, eta, drive.kick_time - origin)[:, None] * drive.kick_impulse
        e += transform(omega, drive.kick_time, kick, origin)
    return j, e


def refuse_no_field(drive, path):
    if nan_max(drive.field) == 0 and nan_max(drive.kick_impulse) == 0:
        raise Error(f"{path}: error: there is no field: no response to look at")


def field_direction(drive, path):
    """The unit vector of the field, which must keep one direction."""
    acting = np.concatenate([drive.field, drive.kick_impulse / np.diff(drive.time).mean()])
    refuse_no_field(drive, path)
    strongest = acting[np.argmax(np.linalg.norm(acting, axis=1))]
    direction = strongest / np.linalg.norm(strongest)
    direction *= np.sign(direction[np.argmax(np.abs(direction))])
    across = acting - np.outer(acting @ direction, direction)
    if nan_max(across) > 1e-6 * nan_max(acting):
        raise Error(f"{path}: error: the direction of the field changes with time: the "
                    "components of the conductivity cannot be told apart")
    return direction


def pairs_of_vectors(names, direction):
    """Pairs of unit vectors with names, [(name, e_i, e_j)], for the wanted components."""
    axes = np.eye(direction.size)
    along = int(np.argmax(np.abs(direction)))
    on_axis = np.abs(direction[along]) > 1 - 1e-9
    if names is None:
        if on_axis:
            return [(AXIS_NAMES[along] * 2, axes[along], axes[along])]
        return [("longitudinal", direction, direction)]
    components = []
    for name in (name.strip().lower() for name in names):
        letters = name.translate(str.maketrans("123", AXIS_NAMES))
        known = AXIS_NAMES[:direction.size]
        if len(letters) != 2 or any(letter not in known for letter in letters):
            raise Error(f"error: --component: '{name}' is no component in "
                        f"{direction.size}D (expected two of {', '.join(known)})",
                        USAGE_ERROR)
        i, j = (AXIS_NAMES.index(letter) for letter in letters)
        if not on_axis or j != along:
            vector = ", ".join(f"{x:.3g}" for x in direction)
            raise Error(f"error: --component: '{letters}' needs a field along "
                        f"{AXIS_NAMES[j]}, but it is along ({vector})", USAGE_ERROR)
        components.append((letters, axes[i], axes[j]))
    return components


def resolved_energy(time, hbar):
    """The largest photon energy that samples at these times can tell from a smaller one."""
    return np.pi * hbar / np.median(np.diff(time))


def energies_up_to(top, limit, points, samples="frames", key="output.every"):
    if top > limit:
        raise Error(f"error: --max-energy: {top:g} is more than the {samples} resolve "
                    f"({limit:.4g}; make {key} smaller)", USAGE_ERROR)
    return np.linspace(0.0, top, points)


def energy_axis(energy, result):
    return ("energy", energy, {"units": "1" if result.is_natural else "eV",
                               "long_name": "photon energy"})


def conductivity(result, width=0.05, components=None, window="exp", max_energy=None, points=1001,
                 floor=1e-3):
    """sigma(omega) from the response to a kick or weak pulse: a complex DataArray [component, energy].

    width       broadening, eV or natural
    components  names such as "xx", "yx" or "21" (default: along the field)
    window      exp, gauss
    max_energy  end of the energy axis (default: the widest transition of the model)
    points      number of energies
    floor       no value (NaN) where the field is weaker than this fraction of its maximum

    The attributes say how: field, direction, origin, duration, intervals, and quadrature_error, an
    estimate relative to the maximum.
    """
    drive = read_drive(result)
    hbar = result.hbar
    current = result.read("/traces/current")
    factor = float(current.attributes.get("si_factor", 1.0))
    direction = field_direction(drive, result.path)
    pairs = pairs_of_vectors(components, direction)
    limit = resolved_energy(drive.time, hbar)
    top = max_energy
    if top is None:
        top = 0.5 * limit
        if "/model/energy" in result:
            levels = result.read("/model/energy").values
            widest = np.max(levels[..., -1] - levels[..., 0])
            top = min(top, 1.15 * widest if widest > 0 else 40 * width)
    energy = energies_up_to(top, limit, points)
    eta = width / hbar
    drive = drive.from_onset()

    # sigma is computed from all the frames and, to see what the quadrature is worth, from half.
    estimates = []
    for stride in (1, 2):
        j, e = damped_transforms(drive, energy / hbar, eta, window, stride)
        weight = np.abs(e @ direction)
        dark = weight < floor * weight.max()
        with np.errstate(divide="ignore", invalid="ignore"):
            sigma = np.array([(j @ to) / (e @ by) for _, to, by in pairs]) * factor
        sigma[:, dark] = complex(np.nan, np.nan)
        estimates.append(sigma)
    sigma = estimates[0]
    # Fourth order: halving the number of frames makes the error 16 times larger.
    error = nan_max(estimates[1] - sigma) / 15 / (nan_max(sigma) or 1.0)

    def warn(text):
        warnings.warn(f"{result.path}: warning: {text}", ResultWarning, stacklevel=3)

    if error > QUADRATURE_LIMIT:
        # Of fourth order where the frames resolve anything: halve their interval at least.
        interval = np.median(np.diff(drive.time)) * min(0.5, (QUADRATURE_LIMIT / error)**0.25)
        warn(f"the frames hardly resolve the current (error about {error:.1g} of the maximum): set "
             f"output.every to {round_down(interval):g}{'' if result.is_natural else ' fs'} or less")
    left = (np.abs(drive.current).max(axis=1)
            * damping(window, eta, drive.time - drive.origin))
    tail = left[-max(2, left.size // 20):].max() / (left.max() or 1.0)
    if tail > TRUNCATION_LIMIT:
        warn(f"{100 * tail:.2g} % of the damped current is left at the end: "
             "expect ripples (make the run longer or --width larger)")
    if "/traces/population" in result:
        population = result.trace("population").values
        change = nan_max(population - population[0]) / (nan_max(population) or 1.0)
        if change > LINEAR_LIMIT:
            warn(f"populations change by up to {change:.2g} of the largest one: the response may not "
                 f"be linear (expected less than {LINEAR_LIMIT:g}; use a weaker pulse or kick)")
    if np.any(dark):
        lit = energy[~dark]
        warn(f"the field has weight from {lit.min():.4g} to {lit.max():.4g}"
             f"{'' if result.is_natural else ' eV'} only: no values elsewhere")
    return xarray.DataArray(
        sigma, dims=("component", "energy"), name="sigma",
        coords={"component": [name for name, _, _ in pairs], "energy": energy_axis(energy, result)},
        attrs={"units": str(current.attributes.get("si_unit", "1")), "long_name": "conductivity",
               "window": window, "width": width,
               "field": f"{drive.kick_time.size} kick(s)" if drive.kick_time.size else "pulse",
               "direction": direction, "origin": drive.origin,
               "duration": drive.time[-1] - drive.time[0], "intervals": drive.time.size - 1,
               "quadrature_error": error, "incomplete": result.incomplete})


def trapezoidal(time):
    interval = np.diff(time)
    return (np.concatenate([interval, [0]]) + np.concatenate([[0], interval])) / 2


def hann(time):
    return np.sin(np.pi * (time - time[0]) / (time[-1] - time[0]))**2


def current_squared_unit(result):
    return "1" if result.is_natural else "(e angstrom/fs)^2"


def harmonics(result, max_energy=None, points=1001):
    """|omega J(omega)|^2 of the emitted light: a DataArray [energy, direction].

    Directions without emission are left out. The attribute fundamental is the photon energy that orders are
    counted from, 0 for a field without a carrier, and fundamental_of says where it is from: the carrier of a
    pulse or cosine of the scenario, or the spectrum of the field.
    """
    drive = read_drive(result)
    refuse_no_field(drive, result.path)
    hbar = result.hbar
    limit = resolved_energy(drive.time, hbar)
    weight = trapezoidal(drive.time)[:, None]
    fundamental, origin = carrier_energy(result)
    if not fundamental:
        line = np.linspace(0, limit, 4 * points)
        e = np.abs(transform(line / hbar, drive.time, weight * drive.field, drive.time[0]))
        fundamental = fundamental_energy(line, np.linalg.norm(e, axis=1)) or 0.0
        origin = "spectrum of the field" if fundamental else ""
    top = min(limit, max(0.5 * limit, LEAST_REACH * fundamental)) if max_energy is None else max_energy
    energy = energies_up_to(top, limit, points)
    omega = energy / hbar
    j = transform(omega, drive.time, weight * hann(drive.time)[:, None] * drive.current,
                  drive.time[0])
    emitted = np.abs(omega[:, None] * j)**2
    warn_of_frames(result, drive, limit, fundamental, top)
    shown = [i for i in range(emitted.shape[1]) if emitted[:, i].max() > 1e-24 * emitted.max()]
    if not shown or emitted.max() == 0:
        raise Error(f"{result.path}: error: there is no current: no light is emitted")
    return xarray.DataArray(
        emitted[:, shown], dims=("energy", "direction"), name="emission",
        coords={"energy": energy_axis(energy, result), "direction": shown},
        attrs={"units": current_squared_unit(result), "long_name": "|omega J(omega)|^2",
               "fundamental": fundamental, "fundamental_of": origin, "incomplete": result.incomplete})


def carrier_energy(result):
    """The photon energy of the strongest pulse or cosine of the scenario that has a carrier frequency, and which
    one it is; (0, '') where there is none."""
    def size(entry, key):
        return abs(number_of(entry.get(key)))

    carriers = [(size(entry, "amplitude"), -place, size(entry, "frequency"))
                for place, entry in enumerate(result.parameters.get("field") or [])
                if entry.get("kind") in ("pulse", "cosine") and size(entry, "frequency") > 0]
    if not carriers:
        return 0.0, ""
    _, place, frequency = max(carriers)
    return 2 * np.pi * result.hbar * frequency, f"carrier of field.{-place}"


def warn_of_frames(result, drive, limit, fundamental, top):
    """Warns where the frames resolve neither the current nor the third harmonic, or the axis ends early."""
    line = np.linspace(0, limit, 400)
    weight = trapezoidal(drive.time)[:, None] * hann(drive.time)[:, None]
    size = np.abs(transform(line / result.hbar, drive.time, weight * drive.current, drive.time[0])).max(axis=1)
    tail = size[line >= 0.8 * limit].max() / (size.max() or 1.0)
    energy_unit, time_unit = ("", "") if result.is_natural else (" eV", " fs")
    interval = np.median(np.diff(drive.time))
    if fundamental > limit:
        problem = f"they do not hold the fundamental {fundamental:.4g}{energy_unit}"
    elif 3 * fundamental > limit:
        problem = (f"the third harmonic of the fundamental {fundamental:.4g}{energy_unit} lies beyond that and is "
                   "folded back")
    elif tail > UNRESOLVED:
        problem = f"near that the current still has {100 * tail:.2g} % of its largest component"
    else:
        if LEAST_REACH * fundamental > top * (1 + 1e-9):
            warnings.warn(f"{result.path}: warning: the fundamental {fundamental:.4g}{energy_unit} lies near the end "
                          f"of the axis, {top:.4g}{energy_unit}: raise --max-energy", ResultWarning, stacklevel=3)
        return
    better = interval / 2
    if fundamental:
        better = min(better, np.pi * result.hbar / (2 * ADVISED_ORDER * fundamental))
    warnings.warn(f"{result.path}: warning: the frames hardly resolve the current: every {interval:.3g}{time_unit} "
                  f"they hold energies up to {limit:.3g}{energy_unit}, and {problem}: set output.every to "
                  f"{round_down(better):g}{time_unit} or less", ResultWarning, stacklevel=3)


def spectrogram(result, width=None, component=None, max_energy=None, points=(200, 400)):
    """|omega J(omega; t)|^2, the light emitted around time t: a DataArray [time, energy].

    J(omega; t) is the transform of J(t') exp(-(t' - t)^2 / (2 width^2)).

    width      standard deviation of the window in time (default: a fifteenth of the run)
    component  axis of the current (default: the one that emits most)
    points     number of times and of energies
    """
    drive = read_drive(result)
    hbar = result.hbar
    limit = resolved_energy(drive.time, hbar)
    energy = energies_up_to(0.5 * limit if max_energy is None else max_energy, limit, points[1])
    duration = drive.time[-1] - drive.time[0]
    width = duration / 15 if width is None else width
    if not 0 < width <= duration:
        raise Error(f"error: --window-width: {width:g} (expected more than 0, at most the duration "
                    f"{duration:g})", USAGE_ERROR)
    omega = energy / hbar
    if component is None:
        weight = trapezoidal(drive.time)[:, None]
        total = transform(omega, drive.time, weight * hann(drive.time)[:, None] * drive.current,
                          drive.time[0])
        component = int(np.argmax(np.abs(omega[:, None] * total).max(axis=0)))
    if not 0 <= component < drive.current.shape[1]:
        raise Error(f"error: component {component} (expected 0 to {drive.current.shape[1] - 1})",
                    USAGE_ERROR)
    warn_of_frames(result, drive, limit, 0.0, energy[-1])
    at = np.linspace(drive.time[0], drive.time[-1], points[0])
    window = np.exp(-(drive.time[:, None] - at)**2 / (2 * width**2))
    samples = (trapezoidal(drive.time) * drive.current[:, component])[:, None] * window
    j = transform(omega, drive.time, samples, drive.time[0])
    time_unit = "1" if result.is_natural else "fs"
    return xarray.DataArray(
        np.abs(omega[:, None] * j).T**2, dims=("time", "energy"), name="emission",
        coords={"time": ("time", at, {"units": time_unit}), "energy": energy_axis(energy, result)},
        attrs={"units": current_squared_unit(result), "component": component, "width": width,
               "incomplete": result.incomplete, "long_name": f"|omega J_{AXIS_NAMES[component]}(omega; t)|^2"})


def coherence_map(result, upper=None, lower=None, start=0.0, max_energy=None, points=400):
    """|f_nm(k, omega)|^2 from the snapshots from `start` on: a DataArray [k, energy].

    Along the first axis of the k grid, the others at zero, and on average over R. n is `upper` and m
    is `lower`, from 0 for the lowest band (default: the two bands with the largest coherence). The
    coordinate `transition` is E_n(k) - E_m(k), and the attribute `cut` says where the other axes are cut.
    Transitions beyond what the interval of the snapshots holds are folded back; there is a warning.
    """
    for name in ("/snapshots/f", "/model/eigenvector"):
        if name not in result:
            raise Error(f"{result.path}: error: there is no dataset {name}")
    if result.incomplete:
        tell_incomplete(result, 2)
    hbar = result.hbar
    k, k_unit, index, cut = first_axis(result)
    time = result.read("/snapshots/time").values
    used = np.flatnonzero(time >= start - 1e-9 * time[-1])
    if used.size < 8:
        raise Error(f"{result.path}: error: only {used.size} snapshots from {start:g} on (expected "
                    "at least 8; make output.snapshots.every smaller)")
    n_r = len(result.shape("/snapshots/f")) - len(index) - 3
    frames = slice(int(used[0]), None)
    f = result.read("/snapshots/f", (frames, *(slice(None),) * n_r, *index)).values
    f = f.mean(axis=tuple(range(1, 1 + n_r))) if n_r else f
    time = time[frames]
    if nan_max(np.diff(time) - np.diff(time)[0]) > 1e-6 * np.diff(time)[0]:
        # The last snapshot need not be a whole interval after the one before.
        time, f = time[:-1], f[:-1]
    vector = result.read("/model/eigenvector", index).values
    f = np.einsum("kan,tkab,kbm->tknm", vector.conj(), f, vector)
    n_band = f.shape[-1]
    if upper is None or lower is None:
        size = np.abs(f).max(axis=(0, 1)) * np.tri(n_band, k=-1)
        if size.max() == 0:
            raise Error(f"{result.path}: error: there is no coherence between bands")
        upper, lower = (int(i) for i in np.unravel_index(np.argmax(size), size.shape))
    if not 0 <= lower < upper < n_band:
        raise Error(f"error: bands {upper} and {lower} (expected two from 0 to {n_band - 1}, the "
                    "upper one first)", USAGE_ERROR)
    level = result.read("/model/energy", index).values
    transition = level[:, upper] - level[:, lower]
    limit = resolved_energy(time, hbar)
    if transition.max() > limit:
        unit, time_unit = ("", "") if result.is_natural else (" eV", " fs")
        warnings.warn(f"{result.path}: warning: snapshots every {np.median(np.diff(time)):.3g}{time_unit} "
                      f"hold energies up to {limit:.2g}{unit}; transitions reach "
                      f"{transition.max():.2g}{unit}: set output.snapshots.every to "
                      f"{round_down(np.pi * hbar / transition.max()):g}{time_unit}", ResultWarning,
                      stacklevel=2)
    top = min(limit, 1.3 * transition.max()) if max_energy is None else max_energy
    energy = energies_up_to(top, limit, points, "snapshots", "output.snapshots.every")
    weight = (trapezoidal(time) * hann(time))[:, None]
    spectrum = transform(energy / hbar, time, weight * f[:, :, upper, lower], time[0])
    order = np.argsort(k)
    return xarray.DataArray(
        np.abs(spectrum.T[order])**2, dims=("k", "energy"), name="coherence",
        coords={"k": ("k", k[order], {"units": k_unit}), "energy": energy_axis(energy, result),
                "transition": ("k", transition[order])},
        attrs={"units": "1" if result.is_natural else "fs^2", "upper": upper, "lower": lower,
               "cut": cut, "incomplete": result.incomplete, "long_name": f"|f_{upper}{lower}(k, omega)|^2"})


def round_down(value):
    """To one significant digit."""
    unit = 10.0**np.floor(np.log10(value))
    return np.floor(value / unit * (1 + 1e-12)) * unit


def first_axis(result):
    """k [n] along the first axis of the grid with zero in the middle, its unit, the index, and where the
    other axes are cut: 'k2 = 0, k3 = 0', in the unit of k, empty in one dimension."""
    grid = result.read("/grid/k")
    index, cuts = [slice(None)], []
    for axis in range(1, grid.values.ndim - 1):
        line = np.moveaxis(grid.values, axis, 0).reshape(grid.values.shape[axis], -1,
                                                         grid.values.shape[-1])[:, 0]
        step = line[1] - line[0] if len(line) > 1 else np.ones(grid.values.shape[-1])
        index.append(int(np.argmin(np.abs(line @ step))))
        if len(line) > 1:
            steps = line[index[-1]] @ step / (step @ step)
            at = 0.0 if abs(steps) < 1e-9 else steps * np.linalg.norm(step)
            cuts.append(f"k{axis + 1} = {at:.3g}")
    points = grid.values[tuple(index)]
    step = points[1] - points[0]
    k = points @ (step / np.linalg.norm(step))
    if nan_max(grid.values.reshape(-1, grid.values.shape[-1])[0]) <= 1e-12 * nan_max(grid.values):
        # A Brillouin zone, which begins at k = 0: that belongs in the middle.
        k[-(k.size // 2):] -= k.size * np.linalg.norm(step)
    return k, grid.unit, tuple(index), ", ".join(cuts)


def add_heading(figure, title, spectrum):
    lines = textwrap.wrap(escape(title), 66)
    if spectrum.attrs.get("incomplete"):
        lines.append(incomplete_mark(spectrum.attrs["incomplete"]))
    if lines:
        figure.suptitle("\n".join(lines))


def fundamental_energy(energy, weight):
    """Energy at which the field is strongest; None for a field without a carrier."""
    top = int(np.argmax(weight))
    if weight[top] == 0 or weight[0] > 0.5 * weight[top]:
        return None
    # The center of the upper half of the peak, which does not jump with the grid.
    return float(np.average(energy, weights=np.clip(weight - 0.5 * weight[top], 0, None)))


def component_label(name):
    return r"\parallel" if name == "longitudinal" else name


@styled
def plot_conductivity(sigma, title=""):
    """Draws what `conductivity` returns, a panel per component."""
    energy, unit, energy_unit = sigma.energy.values, sigma.units, sigma.energy.units
    components = [str(name) for name in sigma.component.values]
    figure, all_axes = plt.subplots(len(components), 1, sharex=True, squeeze=False,
                                    figsize=(5.6, 0.8 + 2.6 * len(components)))
    for axes, name, values in zip(all_axes[:, 0], components, sigma.values):
        exponent = decimal_exponent(nan_max(values))
        scale = 10.0**exponent
        label = component_label(name)
        axes.axhline(0, color="#4D4D4D", linewidth=0.6)
        curves = [axes.plot(energy, part / scale, label=text, color=color, linestyle=style)[0]
                  for part, text, color, style in
                  ((values.real, rf"Re $\sigma_{{{label}}}$", COLORS[0], "-"),
                   (values.imag, rf"Im $\sigma_{{{label}}}$", COLORS[1], "--"))]
        axes.set_ylabel(axis_label(rf"$\sigma_{{{label}}}$", unit, exponent))
        legend_above(axes, curves, 4.2)
        if unit == "S":
            ratio = scale / SHEET_UNIT
            right = axes.secondary_yaxis("right", functions=(lambda y, r=ratio: y * r,
                                                             lambda y, r=ratio: y / r))
            right.set_ylabel(rf"$\sigma_{{{label}}}$ ($e^2/4\hbar$)")
            axes.spines["right"].set_visible(True)
    all_axes[-1, 0].set_xlabel(axis_label("photon energy", energy_unit))
    add_heading(figure, title, sigma)
    return figure


@styled
def plot_harmonics(emission, title=""):
    """Draws what `harmonics` returns."""
    energy, values = emission.energy.values, emission.values
    energy_unit, fundamental = emission.energy.units, emission.fundamental
    unit = "" if emission.units == "1" else "(e Å/fs)$^2$"
    figure, axes = plt.subplots(figsize=(5.6, 3.4))
    for i, axis in enumerate(emission.direction.values.astype(int)):
        axes.semilogy(energy, values[:, i], color=COLORS[axis],
                      label=rf"$|\omega J_{AXIS_NAMES[axis]}(\omega)|^2$", linewidth=1.1)
    top = values.max()
    axes.set_ylim(max(HARMONIC_RANGE * top, values[1:].min() / 3), 4 * top)
    axes.yaxis.set_major_locator(plt.LogLocator(numticks=8))
    axes.yaxis.set_minor_locator(plt.NullLocator())
    axes.set_ylabel("emission per cell" + (f" {unit}" if unit else ""))
    axes.set_xlabel(axis_label("photon energy", energy_unit))
    if fundamental:
        upper = axes.secondary_xaxis("top", functions=(lambda x: x / fundamental,
                                                       lambda x: x * fundamental))
        upper.set_xlabel("harmonic order")
        axes.spines["top"].set_visible(True)
        orders = np.arange(1, energy[-1] / fundamental * (1 + 1e-9))
        # An even step from 1 marks odd orders, the ones that an inversion symmetric crystal emits.
        upper.set_xticks(orders[::2 * int(np.ceil(orders.size / 30))] if orders.size > 15
                         else orders)
        for order in orders:
            axes.axvline(order * fundamental, color="#D9D9D9", linewidth=0.6, zorder=0)
    axes.legend(loc="upper right", frameon=True, framealpha=0.9, edgecolor="none")
    add_heading(figure, title, emission)
    return figure


def draw_map(x, y, values):
    """The image of values [y, x] on a logarithmic scale of colors."""
    figure, axes = plt.subplots(figsize=(5.6, 3.8))
    top = nan_max(values) or 1.0
    mesh = axes.pcolormesh(x, y, np.maximum(values, MAP_RANGE * top), cmap=SEQUENTIAL_MAP,
                           norm=LogNorm(MAP_RANGE * top, top), rasterized=True, shading="nearest")
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    return figure, axes, mesh


@styled
def plot_spectrogram(emission, title=""):
    """Draws what `spectrogram` returns."""
    figure, axes, mesh = draw_map(emission.time.values, emission.energy.values, emission.values.T)
    axes.set_xlabel(axis_label("time", emission.time.units))
    axes.set_ylabel(axis_label("photon energy", emission.energy.units))
    name = rf"$|\omega J_{AXIS_NAMES[emission.component]}(\omega; t)|^2$"
    bar = figure.colorbar(mesh, label=name + ("" if emission.units == "1" else " (e Å/fs)$^2$"))
    bar.outline.set_linewidth(0.8)
    add_heading(figure, title, emission)
    return figure


@styled
def plot_coherence_map(coherence, title=""):
    """Draws what `coherence_map` returns, with the transition energies."""
    figure, axes, mesh = draw_map(coherence.k.values, coherence.energy.values, coherence.values.T)
    line, = axes.plot(coherence.k.values, coherence.transition.values, color="white",
                      linestyle=(0, (2, 3)), linewidth=1.0)
    axes.set_ylim(coherence.energy.values[0], coherence.energy.values[-1])
    cut = re.sub(r"k(\d) = (\S+?)(?=,|$)", r"$k_\1 = \2$", coherence.attrs.get("cut", ""))
    axes.set_xlabel(axis_label("$k_1$" if cut else "$k$", coherence.k.units)
                    + (f" at {cut}" if cut else ""))
    axes.set_ylabel(axis_label(r"$\hbar\omega$", coherence.energy.units))
    upper, lower = coherence.upper, coherence.lower
    if coherence.transition.values.min() <= coherence.energy.values[-1]:
        legend = axes.legend([line], [f"$E_{{{upper}}}(k) - E_{{{lower}}}(k)$"], loc="lower left",
                             bbox_to_anchor=(0, 1.0), facecolor="#4D4D4D", frameon=True,
                             labelcolor="white")
        legend.get_frame().set_linewidth(0)
    name = rf"$|f_{{{upper}{lower}}}(k, \omega)|^2$"
    bar = figure.colorbar(mesh, label=axis_label(name, coherence.units))
    bar.outline.set_linewidth(0.8)
    add_heading(figure, title, coherence)
    return figure
