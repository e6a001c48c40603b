"""A page about a result: one HTML file that needs nothing else."""

import base64
import io
import warnings as python_warnings
from html import escape

import matplotlib.pyplot as plt
import numpy as np

from .figures import pretty_unit, tell_incomplete
from .overview import small_figures
from .phase_space import chosen, plot_phase_space
from .result import Error, ResultWarning, replacing

CSS = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: #fff; color: #1a1a1a;
  font: 16px/1.5 system-ui, "DejaVu Sans", Arial, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; border-bottom: 1px solid #c8c8c8;
  padding-bottom: .2rem; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
.quiet { color: #4d4d4d; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; justify-content: center;
  align-items: flex-start; }
figure { margin: 0; flex: 1 1 21rem; max-width: min(100%, 26rem); }
figure img { display: block; width: 100%; height: auto; }
.wide { display: grid; gap: 0 2rem; grid-template-columns: repeat(auto-fit,
  minmax(min(100%, 26rem), 1fr)); align-items: start; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 .8rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .22rem .6rem .22rem 0;
  border-bottom: 1px solid #e4e4e4; font-weight: 400; overflow-wrap: anywhere; }
thead th { font-weight: 600; }
th[scope=row] { color: #333; width: 12.5rem; max-width: 48vw; }
td { font-variant-numeric: tabular-nums; }
.numbers td, .numbers thead th { overflow-wrap: normal; width: 21%; }
.numbers th[scope=row] { width: auto; }
.scroll { overflow-x: auto; }
.bar { display: block; height: .45rem; margin-top: .5rem; line-height: 0; background: #0072b2; border-radius: 2px; }
.warnings { border-left: 4px solid #d55e00; background: #fdf1e7; padding: .5rem .9rem;
  margin: .5rem 0; }
.warnings h2 { margin: 0 0 .3rem; border: 0; padding: 0; }
.warnings ul { margin: 0; padding-left: 1.1rem; }
.warnings li { overflow-wrap: anywhere; }
.good { border-left: 4px solid #009e73; background: #eaf6f2; padding: .5rem .9rem; }
pre { overflow-x: auto; background: #f5f5f5; padding: .7rem; font: 13px/1.45 "DejaVu Sans Mono",
  monospace; margin: .5rem 0; }
summary { cursor: pointer; }
@media print { figure { flex-basis: 45%; max-width: 48%; } }
"""
STAGES = (("setup_seconds", "set-up"), ("drift_seconds", "drift"),
          ("collision_seconds", "collisions"), ("observable_seconds", "observables"),
          ("output_seconds", "output"))
COUNTS = (("scheme", "scheme"), ("integrator", "integrator"), ("steps", "steps"),
          ("rate_evaluations", "evaluations of the rate"),
          ("error_test_failures", "steps rejected"), ("restarts", "restarts"),
          ("flow_steps", "Magnus steps"), ("ansatz", "Ansatz of the collisions"),
          ("collision_method", "method"), ("collision_evaluations", "collision evaluations"),
          ("ffts", "FFTs of a component"))
# Of the numbers that the resolved scenario gives without a unit, as they are matrices; where the units
# are natural they have none.
MATRIX_UNITS = {"lattice_vectors": "angstrom", "positions": "angstrom", "hoppings": "eV",
                "dipoles": "angstrom"}


def report(result, file=None):
    """The page as text; also written to `file` where one is given, complete or not at all."""
    if result.incomplete:
        tell_incomplete(result, 2)
    parts = [head(result), overview(result), warnings(result), figures(result), conserved(result),
             tensors(result), cost(result), parameters(result)]
    page = PAGE.format(title=escape(result.title), css=CSS,
                       body="\n".join(part for part in parts if part))
    if file is not None:
        with replacing(file, result.path) as partial, open(partial, "w", encoding="utf-8") as out:
            out.write(page)
    return page


# Also well-formed XML, so that any XML parser can check it.
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def head(result):
    about = result.attributes
    made = ", ".join(str(about[key]) for key in ("created",) if key in about)
    version = " ".join(["keldrift", str(about.get("keldrift_version", ""))]).strip()
    revision = f" ({about['git_revision']})" if "git_revision" in about else ""
    return (f"<h1>{escape(result.title)}</h1>\n"
            f"<p class=\"quiet\">{escape(result.path.name)}"
            f"{escape(', made ' + made if made else '')} by {escape(version + revision)}</p>")


def table(rows, caption=None, columns=None, name=None):
    """Rows of texts (the first one a heading); a text in a list is HTML already."""
    def cell(value):
        return value[0] if isinstance(value, list) else escape(str(value))

    lines = [f'<div class="scroll"><table class="{name}">' if name else "<table>"]
    if caption:
        lines.append(f"<caption>{escape(caption)}</caption>")
    if columns:
        lines.append("<thead><tr>" + "".join(f"<th scope=\"col\">{escape(column)}</th>"
                                             for column in columns) + "</tr></thead>")
    lines.append("<tbody>")
    for first, *others in rows:
        lines.append(f"<tr><th scope=\"row\">{cell(first)}</th>" + "".join(
            f"<td>{cell(other)}</td>" for other in others) + "</tr>")
    return "\n".join(lines + ["</tbody>", "</table></div>" if name else "</table>"])


def number(value, unit="1", digits=6):
    text = f"{value:.{digits}g}".replace("-", "−")
    return text if unit in ("", "1") else f"{text} {unit.replace('angstrom', 'Å')}"


def overview(result):
    rows = []
    if "/grid/k" in result:
        shape = result.shape("/grid/k")
        rows.append(("grid of k", " × ".join(str(n) for n in shape[:-1])))
    if "/grid/r" in result:
        rows.append(("grid of R", " × ".join(str(n) for n in result.shape("/grid/r")[:-1])))
    if "/model/energy" in result:
        energy = result.read("/model/energy")
        rows.append(("bands", f"{energy.values.shape[-1]}, from {number(energy.values.min())} to "
                     f"{number(energy.values.max(), energy.unit)}"))
    for group, name in (("traces", "frames"), ("snapshots", "snapshots")):
        if f"/{group}/time" in result:
            time = result.read(f"/{group}/time")
            rows.append((name, f"{time.values.size}, to {number(time.values[-1], time.unit)}"))
    command = result.attributes.get("command")
    if command:
        rows.append(("command", command))
    return table(rows) if rows else ""


def warnings(result):
    texts = result.warnings
    if result.incomplete:
        texts = [f"incomplete: a checkpoint at {result.incomplete}", *texts]
    if not texts:
        return '<p class="good">The run ended without warnings.</p>'
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return (f'<section class="warnings"><h2>Warnings</h2>\n'
            f"<ul>{items}</ul></section>")


def picture(figure):
    """A figure as the source of an image; each SVG is a document of its own, with its own ids."""
    out = io.BytesIO()
    with plt.rc_context({"svg.fonttype": "path", "svg.hashsalt": "keldrift"}):
        figure.savefig(out, format="svg", dpi=220, metadata={"Date": None})
    size = figure.get_size_inches() * 96
    plt.close(figure)
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return f"data:image/svg+xml;base64,{data}", size


def figures(result):
    found = small_figures(result)
    if "/snapshots/density" in result and "/grid/r" in result and (
            len(result.shape("/snapshots/population_k")) == 4):
        time = result.read("/snapshots/time")
        for index in chosen(None, time.values.size):
            at = f"{time.values[index]:.4g} {pretty_unit(time.unit)}".strip()
            with python_warnings.catch_warnings():
                # Told once for the page.
                python_warnings.simplefilter("ignore", ResultWarning)
                figure = plot_phase_space(result, [index], title="")
            found.append((f"f(R,k) at {at}", f"The Wigner function over R and k at time {at}, with "
                          "the densities over R and over k beside it", figure))
    items = []
    for name, description, figure in found:
        source, (width, height) = picture(figure)
        items.append(f"<figure><img src=\"{source}\" width=\"{width:.0f}\" height=\"{height:.0f}\" "
                     f"alt=\"{escape(description)}\"/></figure>")
    return ("<h2>Figures</h2>\n<div class=\"figures\">\n" + "\n".join(items) + "\n</div>"
            if items else "")


def conserved(result):
    """What should not change, and by how much it did; and the other traces of the kind."""
    if "/traces/number" not in result:
        return ""
    kept, others, rows = [], [], []

    def values(name):
        if f"/traces/{name}" not in result:
            return None, "1"
        quantity = result.trace(name)
        return quantity.values, quantity.unit

    def add(is_kept, label, x):
        (kept if is_kept else others).append((label, number(x[0]), number(x[-1]),
                                              number(np.abs(x - x[0]).max(), "1", 2)))

    entered, _ = values("contact_number")
    is_isolated = entered is None and not result.has_collisions
    n, _ = values("number")
    add(entered is None, "number per cell", n)
    if entered is not None:
        add(True, "number per cell less what came in by contacts", n - entered.sum(axis=1))
    energy, unit = values("energy")
    work, _ = values("work")
    if energy is not None:
        suffix = "" if unit == "1" else f" ({unit})"
        # The work is that of the field alone.
        is_balanced = is_isolated and not result.has_moving_potential
        add(is_balanced and not result.has_field, f"energy per cell{suffix}", energy)
        if work is not None and result.has_field and is_balanced:
            add(True, f"energy per cell less the work of the field{suffix}", energy - work)
    for name, label in (("purity", "purity"), ("entropy", "entropy per cell")):
        x, _ = values(name)
        if x is not None:
            # A Wigner function is no density matrix at each R: its powers there are not conserved.
            add(is_isolated and "/grid/r" not in result, label, x)
    if energy is not None and work is not None and np.abs(work).max() > 0:
        gained = energy[-1] - energy[0]
        rows += [("energy gained", number(gained, unit)),
                 ("work of the field", number(work[-1], unit)),
                 ("to contacts and baths" if entered is not None
                  else "to the baths" if result.has_collisions
                  else "difference" if result.has_moving_potential
                  else "difference, which should vanish", number(work[-1] - gained, unit, 3))]
    for name, label in (("min_f", "smallest eigenvalue of f"),
                        ("min_1mf", "smallest eigenvalue of 1 − f")):
        x, _ = values(name)
        if x is not None:
            rows.append((label, number(x.min(), "1", 3)))
    columns = ("", "start", "end", "largest change")
    parts = [table(kept, None, columns, "numbers"), table(rows) if rows else ""]
    text = ("<h2>Conserved quantities</h2>\n<div class=\"wide\">\n<div>"
            + "</div>\n<div>".join(parts) + "</div>\n</div>")
    if others:
        text += "\n<h2>Other traces</h2>\n" + table(others, None, columns, "numbers")
    return text


def tensors(result):
    if "/steady/conductivity" not in result:
        return ""
    parts = []
    for name, caption in (("conductivity", "total"), ("conductivity_population", "populations"),
                          ("conductivity_coherence", "coherences")):
        if f"/steady/{name}" not in result:
            continue
        sigma = result.read(f"/steady/{name}")
        factor = float(sigma.attributes.get("si_factor", 1.0))
        unit = str(sigma.attributes.get("si_unit", "1"))
        rows = [("xyz"[i], *(number(factor * x) for x in row)) for i, row in
                enumerate(sigma.values)]
        label = caption + ("" if unit == "1" else f", {unit}")
        parts.append(table(rows, label, ("", *"xyz"[:len(sigma.values)]), "numbers"))
    return ("<h2>Conductivity at zero frequency</h2>\n<div class=\"wide\">\n<div>"
            + "</div>\n<div>".join(parts) + "</div>\n</div>")


def cost(result):
    run = result.run
    if not run:
        return ""
    total = float(run.get("total_seconds", 0)) or 1.0
    rows = []
    for key, label in STAGES:
        if key in run:
            share = float(run[key]) / total
            rows.append((label, f"{float(run[key]):.2f} s", [
                f'<span class="bar" style="width:{100 * min(1, max(0, share)):.1f}%">&#160;</span>']))
    if "total_seconds" in run:
        rows.append(("total", f"{float(run['total_seconds']):.2f} s", [""]))
    counts = [(label, run[key]) for key, label in COUNTS
              if key in run and run[key] not in (0, "none", "local")]
    return ("<h2>Cost</h2>\n<div class=\"wide\">\n<div>"
            + table(rows, columns=("stage", "wall time", "share")) + "</div>\n<div>"
            + (table(counts) if counts else "") + "</div>\n</div>")


def parameters(result):
    """The resolved scenario, a table per section and as it can be run again."""
    tables, simple = [], []
    for key, value in result.parameters.items():
        if isinstance(value, (dict, list)) and value:
            tables.append(table([(with_unit(path, text, result), text) for path, text in flat(value)],
                                key))
        elif value not in (None, "", [], {}) and key != "title":
            simple.append((key, shown(value)))
    if not tables and not simple:
        return ""
    text = "<h2>Parameters</h2>\n"
    if simple:
        text += table(simple)
    text += "<div class=\"wide\">\n<div>" + "</div>\n<div>".join(tables) + "</div>\n</div>"
    return (text + "\n<details><summary>The resolved scenario, to run again</summary>\n<pre>"
            + escape(result.scenario) + "</pre></details>")


def with_unit(path, text, result):
    """The name of a row, with the unit of a matrix that comes without one."""
    words = path.split(".")
    unit = MATRIX_UNITS.get(words[0])
    has_numbers = len(words) == 1 or words[-1] in ("re", "im")
    if result.is_natural or unit is None or not has_numbers or not text.startswith("[["):
        return path
    return f"{path} ({pretty_unit(unit)})"


def flat(value, path=""):
    """Leaves of nested dictionaries and lists as (path, text)."""
    if isinstance(value, dict) and value:
        return [row for key, item in value.items()
                for row in flat(item, f"{path}.{key}" if path else str(key))]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [row for i, item in enumerate(value)
                for row in flat(item, f"{path}.{i}" if path else str(i))]
    return [(path, shown(value))]


def shown(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return "none" if value in (None, {}) else str(value)
