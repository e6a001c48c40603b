"""The overview of a result: what happened in time, and the populations over k."""

import re
from dataclasses import dataclass, field

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon

from .figures import (AXIS_NAMES, COLORS, DIVERGING_MAP, FAINT, SEQUENTIAL_MAP, axis_label,
                      decimal_exponent, heading_of, legend_above, pretty_unit, styled)
from .result import USAGE_ERROR, Error, nan_max

MAX_BANDS = len(COLORS)
MAX_PAIRS = 6
MAX_IMAGES = 2
# Distinguish the kinds of curves where a single frame leaves points only.
MARKERS = {"-": "o", "--": "s", ":": "^"}
# Below this fraction of the largest number of the same kind a curve or a change is rounding.
NEGLIGIBLE = 1e-10
# A change smaller than this fraction of the values is drawn as a difference.
SMALL_CHANGE = 0.1
# Where nothing acts that changes the energy, its axis spans at least this fraction of it: what is
# smaller is an error of the integration, to be seen as such.
ENERGY_SPAN = 1e-3
# A band filled to more than this at the start counts as a filled one.
FILLED = 0.5
# A number that changes by less than this fraction of itself is constant.
CONSTANT = 1e-6


@dataclass
class Curve:
    values: np.ndarray
    label: str
    color: str
    style: str = "-"
    width: float = 1.4


@dataclass
class Panel:
    """Curves against time that share a unit."""

    name: str
    unit: str
    curves: list
    legend: list = None  # (label, color, style) instead of one entry per curve
    note: str = ""
    kicks: list = field(default_factory=list)  # (time, signed height, label)
    is_trivial: bool = False  # zero, or constant whatever the scenario: says nothing
    least_span: float = 0.0  # of the vertical axis
    per: str = ""  # what the values refer to, for the label


@dataclass
class Image:
    """Values on cells with the given corners."""

    title: str
    name: str
    values: np.ndarray
    corner_x: np.ndarray
    corner_y: np.ndarray
    x_label: str
    y_label: str
    is_difference: bool
    unit: str = "1"
    outline: np.ndarray = None  # polygon that the image is cut to; also: equal scales
    y_range: tuple = None


def field_panel(result):
    e = result.trace("field")
    scale, unit = 1.0, e.unit
    largest = nan_max(e.values)
    if largest == 0:
        unit = "1"
    elif unit.replace(" ", "") in ("V/angstrom", "Vangstrom-1", "V.angstrom-1"):
        # 1 V/angstrom = 1e8 V/cm
        scale, unit = next((s, u) for s, u in ((1e2, "MV/cm"), (1e5, "kV/cm"), (1e8, "V/cm"))
                           if largest * s >= 0.1 or u == "V/cm")
    curves = [Curve(scale * e.values[:, i], f"$E_{AXIS_NAMES[i]}$", COLORS[i])
              for i in range(e.values.shape[1])
              if nan_max(e.values[:, i]) > NEGLIGIBLE * largest]
    times, impulses = result.kicks()
    if not curves:
        curves = [Curve(0 * e.values[:, 0], "", COLORS[0])]
    biggest = nan_max(impulses)
    impulse_unit = "" if e.unit == "1" else " V fs/Å"
    kicks = []
    for time, impulse in zip(times, impulses):
        axes = np.flatnonzero(np.abs(impulse) > NEGLIGIBLE * biggest)
        if axes.size == 0:
            continue
        height = np.copysign(np.linalg.norm(impulse), impulse[np.argmax(np.abs(impulse))])
        names = ", ".join(AXIS_NAMES[i] for i in axes)
        names = f"({names})" if axes.size > 1 else names
        numbers = ", ".join(f"{impulse[i]:.3g}".replace("-", "−") for i in axes)
        numbers = f"({numbers})" if axes.size > 1 else numbers
        kicks.append((time, height, f"{numbers}{impulse_unit} along {names}"))
    return Panel("field", unit, curves, kicks=kicks, is_trivial=largest == 0 and not kicks)


def population_panel(result):
    p = result.trace("population")
    change = p.values - p.values[0]
    n_band = p.values.shape[1]
    is_difference = (NEGLIGIBLE * nan_max(p.values) < nan_max(change)
                     < SMALL_CHANGE * nan_max(p.values))
    shown = change if is_difference else p.values
    order = np.argsort([-nan_max(change[:, n]) for n in range(n_band)], kind="stable")
    main = np.sort(order[:MAX_BANDS])
    curves = [Curve(shown[:, n], "", FAINT, "-", 0.8) for n in order[MAX_BANDS:]]
    for color, n in zip(COLORS, main):
        start = f" (from {p.values[0, n]:.4g})" if is_difference and n_band <= 4 else ""
        curves.append(Curve(shown[:, n], f"band {n}{start}", color))
    if n_band > MAX_BANDS:
        curves[0].label = f"the other {n_band - MAX_BANDS}"
    # That of a single band is the number, which does not change unless particles come or go.
    is_trivial = n_band == 1 and nan_max(change) <= CONSTANT * nan_max(p.values)
    return Panel("population change" if is_difference else "population", p.unit, curves,
                 is_trivial=is_trivial, per=per_spin(result))


def coherence_panel(result):
    c = result.trace("coherence")
    pairs = [(n, m) for n in range(c.values.shape[1]) for m in range(n + 1, c.values.shape[2])]
    if not pairs:
        return None
    by_size = sorted(pairs, key=lambda pair: -nan_max(c.values[:, pair[0], pair[1]]))
    shown = sorted(by_size[:MAX_PAIRS])
    # A space keeps "1 10" apart from "11 0" where bands have two digits.
    gap = r"\," if c.values.shape[1] > 9 else ""
    curves = [Curve(np.abs(c.values[:, n, m]), f"$|f_{{{n}{gap}{m}}}|$", color)
              for (n, m), color in zip(shown, COLORS)]
    hidden = len(pairs) - len(shown)
    note = f"largest {MAX_PAIRS} of {len(pairs)}" if hidden else ""
    return Panel("coherence", c.unit, curves, note=note, is_trivial=nan_max(c.values) == 0, per=per_spin(result))


def current_panel(result):
    total = result.trace("current")
    parts = [(result.trace(name), label, style)
             for name, label, style in (("current_intra", "intraband", "--"),
                                        ("current_inter", "interband", ":"))
             if f"/traces/{name}" in result]
    largest = max([nan_max(total.values)] + [nan_max(part.values) for part, _, _ in parts])
    # Where there is one band only, the parts say nothing.
    if any(nan_max(part.values) <= NEGLIGIBLE * largest for part, _, _ in parts):
        parts = []
    curves, legend = [], []
    for i in range(total.values.shape[1]):
        if nan_max(total.values[:, i]) > NEGLIGIBLE * largest:
            curves.append(Curve(total.values[:, i], "", COLORS[i]))
            legend.append((f"$J_{AXIS_NAMES[i]}$", COLORS[i], "-"))
    if not curves:
        curves = [Curve(0 * total.values[:, 0], "", COLORS[0])]
        legend = [("$J = 0$", COLORS[0], "-")]
    gray = "#4D4D4D" if len(legend) > 1 else COLORS[0]
    for part, label, style in parts:
        for i in range(total.values.shape[1]):
            if nan_max(part.values[:, i]) > NEGLIGIBLE * largest:
                curves.append(Curve(part.values[:, i], "", COLORS[i], style, 1.0))
        legend.append((label, gray, style))
    return Panel("current", total.unit, curves, legend=legend, is_trivial=largest == 0, per=per_cell(result))


def energy_panel(result):
    energy = result.trace("energy")
    curves = [Curve(energy.values - energy.values[0], "energy change", COLORS[0], "-", 2.0)]
    work = result.trace("work").values if "/traces/work" in result else np.zeros(1)
    if nan_max(work) > 0:
        curves.append(Curve(work, "work of the field", COLORS[1], "--"))
    return Panel("energy", energy.unit, curves,
                 is_trivial=all(nan_max(curve.values) == 0 for curve in curves),
                 least_span=0.0 if changes_energy(result) else ENERGY_SPAN * nan_max(energy.values), per=per_cell(result))


def changes_energy(result):
    """True if anything acts that does: a field, a potential that moves, collisions, contacts."""
    return (result.has_field or result.has_moving_potential or result.has_collisions
            or "/traces/contact_number" in result)


def per_cell(result):
    """Traces of a run in space are integrals over the box."""
    return "" if "/grid/r" in result else "per cell"


def per_spin(result):
    """Populations and coherences do not carry the spin degeneracy."""
    return "per spin" if float(result.parameters.get("model", {}).get("spin_degeneracy", 1)) != 1 else ""


def panel_label(name, unit, exponent, per):
    """Two lines: the name, and the unit, with `per` where there is room for it."""
    if pretty_unit(unit):
        return axis_label(" ".join(filter(None, (name, per))), unit, exponent, "\n")
    return axis_label("\n".join(filter(None, (name, per))), unit, exponent, " " if per else "\n")


PANELS = (("field", field_panel), ("population", population_panel),
          ("coherence", coherence_panel), ("current", current_panel), ("energy", energy_panel))


def choose_panels(result, names=None):
    """The panels `names`, or by default all that say something."""
    made = [dict(PANELS)[name](result) for name in (dict(PANELS) if names is None else names)
            if f"/traces/{name}" in result]
    made = [panel for panel in made if panel is not None]
    if names is not None:
        return made
    return [panel for panel in made if not panel.is_trivial] or made


def snapshot_images(result, detail=None):
    """Images of the populations over k, and of the density where R is resolved in one dimension.

    With a detail (k_x, k_y, half width), the band that changes most is drawn as a whole and there.
    """
    needed = ("/snapshots/time", "/snapshots/population_k", "/grid/k")
    if any(name not in result for name in needed) or result.shape("/snapshots/time")[0] < 2:
        return []
    time = result.read("/snapshots/time")
    k = result.read("/grid/k")
    n_dim_k = k.values.ndim - 1
    n_r = len(result.shape("/snapshots/population_k")) - n_dim_k - 2
    if n_r < 0:
        raise Error(f"{result.path}: error: /snapshots/population_k has shape "
                    f"{result.shape('/snapshots/population_k')}, which does not fit "
                    f"/grid/k of shape {k.values.shape}")
    # Axes along which there is a single point are not drawn; the third one is cut at zero.
    cut = [slice(None)] * n_dim_k
    drawn = [i for i in range(n_dim_k) if k.values.shape[i] > 1]
    for i in range(n_dim_k):
        if i not in drawn:
            cut[i] = 0
    for i in drawn[2:]:
        line = np.moveaxis(k.values, i, 0).reshape(k.values.shape[i], -1, k.values.shape[-1])[:, 0]
        step = line[1] - line[0]
        cut[i] = int(np.argmin(np.abs((line @ step) / (step @ step))))
    sliced = bool(drawn[2:])
    drawn = drawn[:2]
    if detail is not None and len(drawn) < 2:
        raise Error("error: --detail: the result has no plane of k", USAGE_ERROR)
    if not drawn:
        return []
    points = k.values[tuple(cut)]
    # A snapshot over a plane can be large: only those that are drawn are read.
    frames = slice(None) if len(drawn) == 1 else [0, result.shape("/snapshots/time")[0] - 1]
    index = (frames,) + (slice(None),) * n_r + tuple(cut) + (slice(None),)
    p = result.read("/snapshots/population_k", index)
    values = p.values.mean(axis=tuple(range(1, 1 + n_r))) if n_r else p.values
    change = [nan_max(values[..., n] - values[0, ..., n]) for n in range(values.shape[-1])]
    density = "/snapshots/density" in result and (
        len(result.shape("/snapshots/density")) == 2 and result.shape("/snapshots/density")[1] > 1)
    # Where all k are alike, as with a single level per cell, an image says nothing.
    over_k = tuple(range(1, 1 + len(drawn)))
    if nan_max(np.ptp(values, axis=over_k)) <= NEGLIGIBLE * nan_max(values):
        bands = []
    elif detail is not None:
        # The upper one of two bands that mirror each other.
        bands = [n for n, c in enumerate(change) if c > (1 - 1e-6) * max(change)][-1:]
    else:
        n_image = MAX_IMAGES - (1 if density else 0)
        around = bands_around_gap(values[0])
        candidates = around if nan_max(np.array([change[n] for n in around])) > 0 else range(len(change))
        bands = sorted(sorted(candidates, key=lambda n: -change[n])[:n_image])
    if len(drawn) == 1:
        # Bands beside each other are drawn alike: changes, if one of them needs it to be seen.
        is_difference = any(hides_change(values[..., n]) for n in bands)
        images = [line_image(values[..., n], n, time, points, k.unit, is_difference) for n in bands]
    else:
        is_difference = any(nan_max(values[-1, ..., n] - values[0, ..., n]) > NEGLIGIBLE * nan_max(values[..., n])
                            for n in bands)
        images = [plane_image(values[..., n], n, time, points, k.unit, sliced, is_difference, window)
                  for window in ([None] if detail is None else [None, detail]) for n in bands]
    if density:
        images.append(density_image(result, time))
    return images


def bands_around_gap(start):
    """The highest filled and the lowest empty band of a snapshot [..., band]; all bands where none is
    filled or none empty."""
    filled = start.reshape(-1, start.shape[-1]).mean(axis=0) > FILLED
    if filled.all() or not filled.any():
        return list(range(filled.size))
    top = int(np.flatnonzero(filled)[-1])
    return [top, top + 1] if top + 1 < filled.size else list(range(filled.size))


def edges_of(centers):
    """Limits of the cells around increasing points."""
    inner = (centers[1:] + centers[:-1]) / 2
    return np.concatenate([[2 * centers[0] - inner[0]], inner, [2 * centers[-1] - inner[-1]]])


def is_periodic(points):
    """Grids over a Brillouin zone begin at k = 0, those of a box at its lower corner."""
    return nan_max(points.reshape(-1, points.shape[-1])[0]) <= 1e-12 * nan_max(points)


def hides_change(p):
    """True if values [t, ...] change since the start so little that they would not show it."""
    return NEGLIGIBLE * nan_max(p) < nan_max(p - p[0]) < 2 * SMALL_CHANGE * nan_max(p)


def line_image(p, band, time, points, unit, is_difference):
    """Population of a band, or its change, against k and time, one dimension."""
    step = points[1] - points[0]
    direction = step / np.linalg.norm(step)
    k = points @ direction
    values = p - p[0] if is_difference else p
    if is_periodic(points):
        # Gamma belongs in the middle.
        half = k.size // 2
        k = np.roll(k, half)
        k[:half] -= k.size * np.linalg.norm(step)
        values = np.roll(values, half, axis=1)
    corner_x, corner_y = np.meshgrid(edges_of(k), edges_of(time.values))
    name = "population change" if is_difference else "population"
    return Image(f"band {band}", name, values, corner_x, corner_y, axis_label("$k$", unit),
                 axis_label("time", time.unit), is_difference,
                 y_range=(time.values[0], time.values[-1]))


def plane_image(p, band, time, points, unit, sliced, is_difference, detail=None):
    """Last snapshot of a band, or that minus the first, in the plane of the first two axes of the grid."""
    n1, n2 = points.shape[:2]
    step1, step2 = points[1, 0] - points[0, 0], points[0, 1] - points[0, 0]
    if np.allclose([step1[2:], step2[2:]], 0):
        plane = np.eye(points.shape[-1])[:2]
        labels = axis_label("$k_x$", unit), axis_label("$k_y$", unit)
    else:
        first = step1 / np.linalg.norm(step1)
        second = step2 - (step2 @ first) * first
        plane = np.array([first, second / np.linalg.norm(second)])
        labels = (axis_label(r"$k$ along $b_1$", unit), axis_label(r"$k$ normal to $b_1$", unit))
    origin, step1, step2 = plane @ points[0, 0], plane @ step1, plane @ step2
    values = p[-1] - p[0] if is_difference else p[-1]
    start1 = start2 = 0
    outline = None
    if detail is not None:
        x, y, half = detail
        outline = np.array([[x - half, y - half], [x + half, y - half],
                            [x + half, y + half], [x - half, y + half]])
    if is_periodic(points):
        if detail is None:
            outline = wigner_seitz_cell(n1 * step1, n2 * step2)
        # Copies of the zone, enough of them to cover the outline.
        reach = np.linalg.solve(np.array([n1 * step1, n2 * step2]).T, outline.T)
        copies = int(np.ceil(np.abs(reach).max() + 0.5 / min(n1, n2)))
        values = np.tile(values, (2 * copies, 2 * copies))
        start1, start2 = -copies * n1, -copies * n2
    j1 = start1 + np.arange(values.shape[0] + 1) - 0.5
    j2 = start2 + np.arange(values.shape[1] + 1) - 0.5
    corners = origin + j1[:, None, None] * step1 + j2[None, :, None] * step2
    if outline is None:
        outline = np.array([corners[0, 0], corners[-1, 0], corners[-1, -1], corners[0, -1]])
    end = f"{time.values[-1]:.4g} {pretty_unit(time.unit)}".strip()
    title = f"band {band}" + (", $k_3 = 0$" if sliced else "")
    title += f", $t$ = {end}"
    name = "population change" if is_difference else "population"
    return Image(title, name, values, corners[..., 0], corners[..., 1], *labels, is_difference,
                 outline=outline)


def wigner_seitz_cell(b1, b2):
    """Corners of the points nearer to the origin than to any other point of a plane lattice."""
    size = 2 * max(np.linalg.norm(b1), np.linalg.norm(b2))
    cell = [np.array(corner) * size for corner in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    reach = range(-3, 4)
    for g in (i * b1 + j * b2 for i in reach for j in reach if i or j):
        # Cut the polygon by the perpendicular bisector of g.
        kept = []
        for here, there in zip(cell, cell[1:] + cell[:1]):
            inside, next_inside = g @ here - g @ g / 2, g @ there - g @ g / 2
            if inside <= 0:
                kept.append(here)
            if inside * next_inside < 0:
                kept.append(here + inside / (inside - next_inside) * (there - here))
        cell = kept
    return np.array(cell)


def density_image(result, time):
    """Density against R and time."""
    n = result.read("/snapshots/density")
    r = result.read("/grid/r") if "/grid/r" in result else None
    position = r.values.reshape(-1) if r is not None else np.arange(n.values.shape[1], dtype=float)
    corner_x, corner_y = np.meshgrid(edges_of(position), edges_of(time.values))
    is_difference = hides_change(n.values)
    values = n.values - n.values[0] if is_difference else n.values
    name = "density change" if is_difference else "density"
    return Image("all bands", name, values, corner_x, corner_y,
                 axis_label("$R$", r.unit if r is not None else "1"), axis_label("time", time.unit),
                 is_difference, unit=n.unit, y_range=(time.values[0], time.values[-1]))


def draw_panel(axes, panel, time, width):
    exponent = decimal_exponent(max(panel.least_span / 2, *(nan_max(curve.values)
                                                            for curve in panel.curves)))
    markers = MARKERS if time.values.size == 1 else {}
    for curve in panel.curves:
        axes.plot(time.values, curve.values / 10.0**exponent, label=curve.label, color=curve.color,
                  linestyle=curve.style, linewidth=curve.width, marker=markers.get(curve.style))
    shown = np.array([np.nan_to_num(curve.values) for curve in panel.curves])
    if 0 < nan_max(shown) and np.ptp(shown) <= SMALL_CHANGE * nan_max(shown):
        # What hardly changes is shown against zero; a magnified scale would hide that it is constant.
        axes.set_ylim(*sorted((0, 1.2 * shown.flat[np.argmax(np.abs(shown))] / 10.0**exponent)))
    if np.ptp(shown) < panel.least_span:
        half, middle = panel.least_span / 2, (shown.min() + shown.max()) / 2
        axes.set_ylim((middle - half) / 10.0**exponent, (middle + half) / 10.0**exponent)
    axes.yaxis.set_major_locator(plt.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_ylabel(panel_label(panel.name, panel.unit, exponent, panel.per))
    if panel.legend is not None:
        handles = [Line2D([], [], color=color, linestyle=style, label=label,
                          marker=markers.get(style))
                   for label, color, style in panel.legend]
    else:
        handles = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    if panel.note:
        note = axes.text(1.0, 1.02, panel.note, transform=axes.transAxes, ha="right", va="bottom")
        width -= note.get_window_extent().width / axes.figure.dpi
    legend_above(axes, handles + draw_kicks(axes, panel), width)


def draw_kicks(axes, panel):
    """An arrow at each kick, in proportion to its impulse; returns what goes into the legend."""
    if not panel.kicks:
        return []
    reach = max(nan_max(curve.values) for curve in panel.curves)
    biggest = max(abs(height) for _, height, _ in panel.kicks)
    if reach == 0:
        # Nothing but kicks: the numbers on the axis would say nothing.
        axes.set_ylim(-0.15, 0.15)
        axes.set_yticks([0])
    low, high = axes.get_ylim()
    top = max(-low, high) if reach > 0 else 1.0
    if any(height > 0 for _, height, _ in panel.kicks):
        high = 1.1 * top
    if any(height < 0 for _, height, _ in panel.kicks):
        low = -1.1 * top
    axes.set_ylim(low, high)
    for time, height, _ in panel.kicks:
        axes.annotate("", xy=(time, top * height / biggest), xytext=(time, 0),
                      arrowprops={"arrowstyle": "-|>", "color": COLORS[1], "linewidth": 1.4,
                                  "shrinkA": 0, "shrinkB": 0})
    first = panel.kicks[0][2]
    label = f"kick of {first}" if len(panel.kicks) == 1 else (f"{len(panel.kicks)} kicks, the "
                                                              f"first {first}")
    return [Line2D([], [], color=COLORS[1], linestyle="none", marker=r"$\uparrow$", markersize=8,
                   label=label)]


def draw_image(figure, axes, image):
    largest = nan_max(image.values)
    exponent = decimal_exponent(largest)
    values = image.values / 10.0**exponent
    limit = largest / 10.0**exponent or 1.0
    # Values are shown from zero; `limit` keeps the ends apart where all of them vanish.
    low = -limit if image.is_difference else min(np.nanmin(values), 0.0)
    high = limit if image.is_difference else np.nanmax(values) or limit
    mesh = axes.pcolormesh(image.corner_x, image.corner_y, values, vmin=low, vmax=high,
                           cmap=DIVERGING_MAP if image.is_difference else SEQUENTIAL_MAP,
                           rasterized=True)
    axes.set_title(image.title)
    axes.set_xlabel(image.x_label)
    axes.set_ylabel(image.y_label)
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    axes.xaxis.set_major_locator(plt.MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(plt.MaxNLocator(6, steps=[1, 2, 5, 10]))
    if image.outline is not None:
        patch = axes.add_patch(Polygon(image.outline, fill=False, linewidth=0.8, clip_on=False))
        mesh.set_clip_path(patch)
        low, high = image.outline.min(axis=0), image.outline.max(axis=0)
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        axes.set_aspect("equal")
        for side in ("top", "right", "left", "bottom"):
            axes.spines[side].set_visible(False)
    else:
        axes.set_xlim(image.corner_x.min(), image.corner_x.max())
        axes.set_ylim(*image.y_range)
    # Placed by the axes, the bar keeps the height of the image whatever its shape.
    bar = figure.colorbar(mesh, cax=axes.inset_axes([1.05, 0, 0.055, 1]),
                          label=axis_label(image.name, image.unit, exponent))
    bar.outline.set_linewidth(0.8)
    bar.locator = plt.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    bar.update_ticks()


@styled
def small_figures(result):
    """The panels and images of `plot` one by one, for narrow pages: a list of (name,
    description, figure)."""
    width = 4.3
    found = []
    if "/traces/time" in result:
        time = result.read("/traces/time")
        span = (f"from {time.values[0]:g} to {time.values[-1]:g} "
                f"{pretty_unit(time.unit)}").rstrip()
        for panel in choose_panels(result):
            figure, axes = plt.subplots(figsize=(width, 2.3))
            draw_panel(axes, panel, time, 3.2)
            axes.set_xlabel(axis_label("time", time.unit))
            low = min(np.nanmin(curve.values) for curve in panel.curves)
            high = max(np.nanmax(curve.values) for curve in panel.curves)
            unit = "" if panel.unit == "1" else f" {panel.unit}"
            kicks = f", with {len(panel.kicks)} kick(s)" if panel.kicks else ""
            found.append((panel.name, f"Curves of the {panel.name} against time {span}{kicks}: "
                          f"values from {low:.4g} to {high:.4g}{unit}", figure))
    for image in snapshot_images(result):
        figure, axes = plt.subplots(figsize=(width, 3.3))
        draw_image(figure, axes, image)
        # The bar stands beside the axes, where the layout does not look for it.
        figure.get_layout_engine().set(rect=(0, 0, 0.99, 1))
        title = re.sub(r"[${}]", "", image.title)
        found.append((f"{image.name}, {title}", f"Image of the {image.name} of {title}: values "
                      f"from {np.nanmin(image.values):.4g} to {np.nanmax(image.values):.4g}",
                      figure))
    return found


@styled
def plot(result, panels=None, images=True, title=None, detail=None):
    """Draws a result.

    Curves against time at the left and, beside them, the populations over k (one dimension: against
    k and time; two and three: the last snapshot minus the first, in three dimensions in the plane
    k3 = 0; bands are counted from 0), and n(R) where R is resolved in one dimension.

    panels   names out of field, population, coherence, current, energy, [] for none (default: all but
             those that are zero throughout and the constant population of a single band)
    images   whether to draw the populations
    title    default: that of the scenario; "" for none
    detail   (k_x, k_y, half width): draw the band that changes most as a whole and there
    """
    wanted = [name for name, _ in PANELS] if panels is None else list(panels)
    for name in wanted:
        if name not in dict(PANELS):
            raise Error(f"error: panel '{name}' (expected some of "
                        f"{', '.join(name for name, _ in PANELS)})", USAGE_ERROR)
    time = result.read("/traces/time") if wanted else None
    if wanted and time.values.size == 0:
        raise Error(f"{result.path}: error: there are no frames in /traces")
    made = choose_panels(result, panels)
    pictures = snapshot_images(result, detail) if images else []
    if not made and not pictures:
        raise Error(f"{result.path}: error: there is nothing to draw"
                    + (" in /traces" if wanted else ""))

    # A row of images below a few panels, which beside them would be stretched to their height.
    heights = 1.32 * len(made) + 0.8, 2.7 * len(pictures) + 0.5 if pictures else 0
    is_stacked = bool(made) and len(pictures) > 1 and heights[0] < 0.6 * heights[1]
    width = 7.4 if made and pictures else 5.6 if made else min(3.7 * len(pictures) + 0.4, 7.8)
    height = heights[0] + 3.1 if is_stacked else max(heights) if made else 3.1
    figure = plt.figure(figsize=(width, height))
    heading = heading_of(result, title, int(12 * width))
    if is_stacked:
        outer = figure.add_gridspec(2, 1, height_ratios=[heights[0], 3.1])
        left, right = outer[0], outer[1].subgridspec(1, len(pictures))
    elif made and pictures:
        outer = figure.add_gridspec(1, 2, width_ratios=[1.12, 1])
        left, right = outer[0], outer[1].subgridspec(len(pictures), 1)
    elif made:
        left = figure.add_gridspec(1, 1)[0]
    else:
        right = figure.add_gridspec(1, len(pictures))
    if made:
        draw_panels(figure, left.subgridspec(len(made), 1), made, time,
                    2.85 if pictures and not is_stacked else 4.7)
    for place, picture in enumerate(pictures):
        draw_image(figure, figure.add_subplot(right[place]), picture)
    if heading:
        figure.suptitle(heading)
    return figure


def draw_panels(figure, places, panels, time, width):
    column = None
    all_axes = []
    for row, panel in enumerate(panels):
        axes = figure.add_subplot(places[row], sharex=column)
        column = column or axes
        draw_panel(axes, panel, time, width)
        if row < len(panels) - 1:
            axes.tick_params(labelbottom=False)
        all_axes.append(axes)
    all_axes[-1].set_xlabel(axis_label("time", time.unit))
    if time.values.size == 1:
        column.set_xlim(time.values[0] - 0.5, time.values[0] + 0.5)
        column.set_xticks(time.values)
    figure.align_ylabels(all_axes)
