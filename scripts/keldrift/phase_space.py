"""f(R,k) of results that are resolved in one dimension of R and of k."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FFMpegWriter, PillowWriter

from .figures import (COLORS, DIVERGING_MAP, FAINT, axis_label, decimal_exponent, heading_of,
                      pretty_unit, styled)
from .potential import Potential
from .result import USAGE_ERROR, Error, nan_max, replacing

DEFAULT_PANELS = 4
MAX_COLUMNS = 2
# A negative part of a marginal smaller than this, relative to its largest value, is rounding.
NEGLIGIBLE = 1e-10
POTENTIAL_COLOR = COLORS[2]


class PhaseSpace:
    """Snapshots of f(R,k) with the marginals that belong to them."""

    def __init__(self, result, band=None):
        self.result, self.band = result, band
        if "/grid/k" in result and "/grid/r" not in result:
            raise Error(f"{result.path}: error: there is no R grid (grid.r): use scripts/plot")
        for name in ("/snapshots/time", "/snapshots/population_k", "/snapshots/momentum_density",
                     "/grid/k"):
            if name not in result:
                raise Error(f"{result.path}: error: there is no dataset {name}")
        shape = result.shape("/snapshots/population_k")
        if len(shape) != 4:
            n_k = len(result.shape("/grid/k")) - 1
            raise Error(f"{result.path}: error: {max(len(shape) - n_k - 2, 0)} dimensions of "
                        f"R and {n_k} of k (expected one of each)")
        if band is not None and not 0 <= band < shape[3]:
            raise Error(f"error: --band: {band} (expected 0 to {shape[3] - 1})", USAGE_ERROR)
        self.time = result.read("/snapshots/time")
        r, k = result.read("/grid/r"), result.read("/grid/k")
        self.r, self.r_unit = r.values.reshape(-1), r.unit
        self.k, self.k_unit = k.values.reshape(-1), k.unit
        self.roll = 0
        if np.abs(self.k[0]) <= 1e-12 * nan_max(self.k):
            # A Brillouin zone, which begins at k = 0: that belongs in the middle.
            self.roll = self.k.size // 2
            self.k = self.k - self.roll * (self.k[1] - self.k[0])
        self.n_unit = result.read("/snapshots/density", (0,)).unit
        self.potential = Potential(result)

    def frame(self, index):
        """f(R,k) [k, R], n(R) and n(k) of a snapshot."""
        p = self.result.read("/snapshots/population_k", (index,)).values
        density = self.result.read("/snapshots/density", (index,)).values
        total = p.sum(axis=2)
        if self.band is None:
            n_k = self.result.read("/snapshots/momentum_density", (index,)).values
            return np.roll(total, self.roll, axis=1).T, density, np.roll(n_k, self.roll)
        f = np.roll(p[..., self.band], self.roll, axis=1)
        # n(R) = g_s/2pi int dk Tr f: with the spin degeneracy, which f does not carry.
        step = self.k[1] - self.k[0]
        weight = density.sum() / (total.sum() * step)
        n_r = weight * step * f.sum(axis=1)
        n_k = weight * (self.r[1] - self.r[0]) * f.sum(axis=0)
        return f.T, n_r, n_k

    @property
    def extent(self):
        half_r, half_k = (self.r[1] - self.r[0]) / 2, (self.k[1] - self.k[0]) / 2
        return (self.r[0] - half_r, self.r[-1] + half_r, self.k[0] - half_k, self.k[-1] + half_k)

    @property
    def name(self):
        return "Tr $f$" if self.band is None else f"$f$ of band {self.band}"


def limits_of(curves):
    """Limits of an axis for all the curves, with zero in view."""
    largest = max(nan_max(curve) for curve in curves) or 1.0
    least = min(np.min(curve) for curve in curves)
    return (1.08 * least if least < -NEGLIGIBLE * largest else 0.0, 1.08 * largest)


class Panel:
    """The axes of one snapshot, which can be filled again with another."""

    def __init__(self, figure, place, space, scale, window_r, window_k):
        self.space = space
        limit, limits_r, limits_k, limits_u = scale
        self.axes = figure.add_subplot(place)
        # Inside the axes of the image, the marginals keep to its sides whatever the layout does.
        self.above = self.axes.inset_axes([0, 1.04, 1, 0.3], sharex=self.axes)
        self.beside = self.axes.inset_axes([1.05, 0, 0.26, 1], sharey=self.axes)
        self.image = self.axes.imshow(np.zeros((space.k.size, space.r.size)), origin="lower",
                                      extent=space.extent, aspect="auto", cmap=DIVERGING_MAP,
                                      vmin=-limit, vmax=limit, interpolation="nearest")
        self.line_r, = self.above.plot(space.r, 0 * space.r, color=COLORS[0], linewidth=1.1)
        self.line_k, = self.beside.plot(0 * space.k, space.k, color=COLORS[0], linewidth=1.1)
        for side in ("top", "right"):
            self.axes.spines[side].set_visible(True)
        self.above.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
        self.beside.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
        self.above.tick_params(labelbottom=False)
        self.beside.tick_params(labelleft=False)
        if window_r is not None:
            self.axes.set_xlim(*window_r)
        if window_k is not None:
            self.axes.set_ylim(*window_k)
        self.exponents = [decimal_exponent(nan_max(np.array(x))) for x in (limits_r, limits_k)]
        self.above.set_ylim(*(x / 10.0**self.exponents[0] for x in limits_r))
        self.beside.set_xlim(*(x / 10.0**self.exponents[1] for x in limits_k))
        self.axes.xaxis.set_major_locator(plt.MaxNLocator(5, steps=[1, 2, 5, 10]))
        self.axes.yaxis.set_major_locator(plt.MaxNLocator(5, steps=[1, 2, 5, 10]))
        self.above.yaxis.set_major_locator(plt.MaxNLocator(2, steps=[1, 2, 5, 10]))
        # Without its zero, which would run into the labels of R.
        self.beside.xaxis.set_major_locator(plt.MaxNLocator(2, steps=[1, 2, 5, 10], prune="lower"))
        self.axes.set_xlabel(axis_label("$R$", space.r_unit))
        self.axes.set_ylabel(axis_label("$k$", space.k_unit))
        self.above.set_ylabel(axis_label("$n(R)$", space.n_unit, self.exponents[0], "\n"))
        self.add_potential(space, limits_u)
        k_unit = "" if space.r_unit == "1" else space.r_unit
        self.beside.set_xlabel(axis_label("$n(k)$", k_unit, self.exponents[1], "\n"))

    def add_potential(self, space, limits):
        """U(R) over n(R), with its axis at the right, where the corner between the marginals is free."""
        self.line_u = None
        if limits is None:
            return
        axes = self.above.twinx()
        self.line_u, = axes.plot(space.r, 0 * space.r, color=POTENTIAL_COLOR, linewidth=1.0, linestyle="--")
        self.exponent_u = decimal_exponent(nan_max(np.array(limits)))
        axes.set_ylim(*(x / 10.0**self.exponent_u for x in limits))
        axes.yaxis.set_major_locator(plt.MaxNLocator(2, steps=[1, 2, 5, 10]))
        axes.spines["right"].set_visible(True)
        axes.spines["right"].set_color(POTENTIAL_COLOR)
        axes.tick_params(axis="y", colors=POTENTIAL_COLOR)
        axes.set_ylabel(axis_label("$U(R)$", space.potential.unit, self.exponent_u, "\n"), color=POTENTIAL_COLOR)

    def fill(self, index):
        f, n_r, n_k = self.space.frame(index)
        if self.line_u is not None:
            self.line_u.set_ydata(self.space.potential.at(self.space.time.values[index], n_r)
                                  / 10.0**self.exponent_u)
        self.image.set_data(f)
        self.line_r.set_ydata(n_r / 10.0**self.exponents[0])
        self.line_k.set_xdata(n_k / 10.0**self.exponents[1])
        time = f"{self.space.time.values[index]:.4g} {pretty_unit(self.space.time.unit)}".strip()
        self.above.set_title(f"$t$ = {time}")


def scales(space, indices, limit, window):
    """Limits of color, of the marginals and of the potential in the window of R that hold for all the
    snapshots."""
    largest, curves_r, curves_k, curves_u = 0.0, [], [], []
    for index in indices:
        f, n_r, n_k = space.frame(index)
        largest = max(largest, nan_max(f))
        curves_r.append(n_r)
        curves_k.append(n_k)
        if space.potential.is_known:
            u = space.potential.at(space.time.values[index], n_r)
            curves_u.append(u[seen(space.r, window)])
    limits_u = None
    if nan_max(np.array(curves_u)) > 0:
        low, high = min(0.0, np.min(curves_u)), max(0.0, np.max(curves_u))
        margin = 0.08 * (high - low)
        limits_u = (low - margin if low < 0 else 0.0, high + margin)
    return limit or largest or 1.0, limits_of(curves_r), limits_of(curves_k), limits_u


def seen(r, window):
    return np.full(r.size, True) if window is None else (r >= window[0]) & (r <= window[1])


def add_bar(figure, panels, label, aspect, heading):
    pad = 0.015 if len(panels) > 1 else 0.08
    bar = figure.colorbar(panels[0].image, ax=[panel.axes for panel in panels], label=label,
                          aspect=aspect, shrink=0.8, pad=pad)
    bar.outline.set_linewidth(0.8)
    # The layout does not see all of the marginals: some room at the right and at the top.
    # Without a heading, the title of the uppermost marginal needs a line.
    top = 0.99 if heading else 1 - 0.25 / figure.get_size_inches()[1]
    figure.get_layout_engine().set(rect=(0, 0, 0.98, top), hspace=0.04)
    if heading:
        figure.suptitle(heading)


def chosen(snapshots, n_snapshot):
    """Indices of the snapshots to draw."""
    if snapshots is None:
        count = min(DEFAULT_PANELS, n_snapshot)
        return list(dict.fromkeys(np.linspace(0, n_snapshot - 1, count).round().astype(int)))
    for index in snapshots:
        if not -n_snapshot <= index < n_snapshot:
            raise Error(f"error: --snapshots: {index} (expected {-n_snapshot} to "
                        f"{n_snapshot - 1})", USAGE_ERROR)
    return [index % n_snapshot for index in snapshots]


@styled
def plot_phase_space(result, snapshots=None, band=None, r=None, k=None, limit=None, title=None):
    """Draws f(R,k) of a result that is resolved in one dimension of R and of k.

    Every panel is a snapshot: f(R,k), summed over the orbitals or the population of one band, with
    n(R) and, where the scenario gives it, the potential U(R) above and n(k) at the right. Red is positive
    and blue negative; all panels share their scales.

    snapshots  numbers from 0, negative ones from the end (default: four from first to last)
    band       from 0 for the lowest (default: all)
    r, k       windows (low, high)
    limit      value of f at the ends of the color scale (default: the largest)
    title      default: that of the scenario; "" for none
    """
    space = PhaseSpace(result, band)
    indices = chosen(snapshots, space.time.values.size)
    scale = scales(space, indices, limit, r)
    columns = min(MAX_COLUMNS, len(indices))
    rows = -(-len(indices) // columns)
    figure = plt.figure(figsize=(3.9 * columns + 0.7 if columns > 1 else 5.0,
                                 3.2 * rows + 0.5))
    outer = figure.add_gridspec(rows, columns)
    panels = []
    for place, index in enumerate(indices):
        panel = Panel(figure, outer[place // columns, place % columns], space, scale, r, k)
        panel.fill(index)
        panels.append(panel)
    heading = heading_of(result, title, 88 if columns > 1 else 56)
    add_bar(figure, panels, space.name, 15 * rows, heading)
    return figure


@styled
def phase_space_movie(result, path, band=None, r=None, k=None, limit=None, title=None, fps=12,
                      dpi=110):
    """Writes a movie of all snapshots, one after the other, to `path`, a .gif or (with ffmpeg) .mp4;
    the other arguments are those of plot_phase_space."""
    space = PhaseSpace(result, band)
    indices = range(space.time.values.size)
    figure = plt.figure(figsize=(5.0, 3.9))
    panel = Panel(figure, figure.add_gridspec(1, 1)[0], space, scales(space, indices, limit, r), r, k)
    add_bar(figure, [panel], space.name, 16, heading_of(result, title, 56))
    panel.fill(0)
    figure.canvas.draw()
    figure.set_layout_engine("none")  # else the axes would move from frame to frame
    with replacing(path, result.path) as partial:
        writer = (PillowWriter if partial.lower().endswith(".gif") else FFMpegWriter)(fps=fps)
        with writer.saving(figure, partial, dpi=dpi):
            for index in indices:
                panel.fill(index)
                writer.grab_frame()
    plt.close(figure)
