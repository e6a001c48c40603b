#!/usr/bin/python3
"""What is written does not depend on when it is written; a late pulse is not stepped over; a kick is
the limit of narrow pulses; pulse, expression and table are the same field."""

import os
import sys

import numpy as np
from scipy.interpolate import CubicSpline

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import oracle
from harness import main

SSH = {"kind": "ssh", "t1": "1 eV", "t2": "0.7 eV", "mass": "0.1 eV",
       "lattice_constant": "3 angstrom", "positions": ["0 angstrom", "1.3 angstrom"]}
ZERO = {"kind": "equilibrium", "temperature": "0 K", "filling": 1.0}
WARM = {"kind": "equilibrium", "temperature": "2000 K", "chemical_potential": "-0.3 eV"}
SCHEMES = ("interaction", "unsplit")


def scenario(field, duration, every=None, scheme="interaction", model=None, initial=None, points=64,
             rtol=1e-7):
    output = {"snapshots": {"every": f"{duration!r} fs"}}
    if every:
        output["every"] = f"{every!r} fs"
    return {"model": model or SSH, "grid": {"k": [points]}, "initial": initial or ZERO,
            "field": field, "output": output,
            "propagation": {"duration": f"{duration!r} fs", "rtol": rtol, "atol": rtol / 100,
                            "scheme": scheme}}


def pulse(amplitude=0.05, center=6.0, fwhm=4.0, frequency=0.2, phase=0.4):
    return {"kind": "pulse", "amplitude": f"{amplitude!r} V/angstrom", "center": f"{center!r} fs",
            "fwhm": f"{fwhm!r} fs", "frequency": f"{frequency!r} 1/fs", "phase": phase}


FIELDS = {
    "kick at 0": {"kind": "kick", "impulse": "0.1 V fs/angstrom", "time": "0 fs"},
    "kick at 3": {"kind": "kick", "impulse": "0.1 V fs/angstrom", "time": "3 fs"},
    "kick at 3.3, between frames": {"kind": "kick", "impulse": "0.1 V fs/angstrom",
                                    "time": "3.3 fs"},
    "step at 0": {"kind": "step", "amplitude": "0.03 V/angstrom"},
    "step at 2": {"kind": "step", "amplitude": "0.03 V/angstrom", "time": "2 fs"},
    "smooth step at 5": {"kind": "step", "amplitude": "0.03 V/angstrom", "time": "5 fs",
                         "rise": "1 fs"},
    "constant": {"kind": "constant", "amplitude": "0.03 V/angstrom"},
    "pulse": pulse(),
    "cosine": {"kind": "cosine", "amplitude": "0.03 V/angstrom", "frequency": "0.3 1/fs"},
}


def every(suite):
    """Traces at 0, 3, 6, 9, 12 fs from frames 0.1, 1, 3 and 12 fs apart."""
    names = ("number", "energy", "work", "purity", "population", "coherence", "current",
             "current_intra", "entropy")
    for scheme in SCHEMES:
        for label, field in FIELDS.items():
            results = [suite.run(scenario([field], 12.0, step, scheme))
                       for step in (0.1, 1.0, 3.0)]
            last = suite.run(scenario([field], 12.0, 12.0, scheme))
            worst, final = 0.0, 0.0
            for name in names:
                want = np.array([results[2].at(name, t) for t in (0.0, 3.0, 6.0, 9.0, 12.0)])
                for result in results[:2]:
                    got = np.array([result.at(name, t) for t in (0.0, 3.0, 6.0, 9.0, 12.0)])
                    worst = max(worst, np.max(np.abs(got - want)))
                final = max(final, np.max(np.abs(last.at(name, 12.0) - want[-1])))
            suite.equal(f"{scheme}, {label}: traces with frames every 0.1 and 1 fs, against 3 fs",
                        worst, 0.0, 1e-12, "rounding: steps do not depend on frames")
            suite.equal(f"{scheme}, {label}: last frame of a run with two frames", final, 0.0,
                        1e-12, "the same")
            suite.equal(f"{scheme}, {label}: last state",
                        np.array([r.snapshot()[-1] for r in results[1:]] + [last.snapshot()[-1]]),
                        results[0].snapshot()[-1], 1e-12, "the same")


def frame_times(suite):
    """Frames at 0, every, 2 every, ... and the end, also where every does not divide the run."""
    result = suite.run(scenario([pulse()], 10.0, 3.0))
    suite.equal("frames of 10 fs every 3 fs", result.trace("time"), [0, 3, 6, 9, 10], 1e-12,
                "interface")
    odd = suite.run(scenario([pulse()], 1.0, 0.1))
    suite.equal("frames of 1 fs every 0.1 fs", odd.trace("time"), np.arange(11) / 10, 1e-12,
                "no frame twice where n * every rounds")


def before_kick(suite):
    """The frame at a kick is before it; just after, points are displaced and nothing else."""
    for scheme in SCHEMES:
        for time in (0.0, 3.0):
            kick = {"kind": "kick", "impulse": "0.1 V fs/angstrom", "time": f"{time} fs"}
            result = suite.run(scenario([kick], 6.0, 1.0, scheme))
            quiet = suite.run(scenario([], 6.0, 1.0, scheme))
            until = result.trace("time") <= time
            for name in ("energy", "current", "population"):
                suite.equal(f"{scheme}, kick at {time:g}: {name} until then",
                            result.trace(name)[until], quiet.trace(name)[until], 1e-10,
                            "equilibrium is stationary")
            suite.above(f"{scheme}, kick at {time:g}: change of the energy after it",
                        np.min(np.abs(result.trace("energy")[~until] - quiet.trace("energy")[0])),
                        1e-4, "else nothing is tested")
            suite.equal(f"{scheme}, kick at {time:g}: energy stays after it",
                        result.trace("energy")[~until], result.trace("energy")[-1], 1e-7,
                        "no field; rtol 1e-7")
            suite.equal(f"{scheme}, kick at {time:g}: work", result.trace("work"),
                        result.trace("energy") - result.trace("energy")[0], 1e-7, "rtol 1e-7, eV")
            suite.equal(f"{scheme}, kick at {time:g}: /traces/field leaves it out",
                        result.trace("field"), 0.0, 1e-300, "interface: without delta kicks")


def kick_limit(suite):
    """Pulses of the same impulse, ever shorter, centered at 3 fs, and their limit.

    The error has all orders of the width, the first one in proportion to impulse^2.
    """
    impulse, widths = 0.1, (0.1, 0.05, 0.025)
    kick = suite.run(scenario([{"kind": "kick", "impulse": f"{impulse} V fs/angstrom",
                                "time": "3 fs"}], 6.0, 6.0, rtol=1e-9)).snapshot()[-1]
    states = []
    for width in widths:
        amplitude = impulse / (width * np.sqrt(np.pi / (4 * np.log(2))))
        states.append(suite.run(scenario([pulse(amplitude, 3.0, width, 0.0, 0.0)], 6.0, 6.0,
                                         rtol=1e-9)).snapshot()[-1])
    errors = [np.max(np.abs(state - kick)) for state in states]
    suite.above("error of a pulse of 0.1 fs for a kick over that of 0.025 fs",
                errors[0] / errors[-1], 4.0, f"at least first order; {errors}")
    limit = (8 * states[2] - 6 * states[1] + states[0]) / 3
    suite.equal("limit of pulses of 0.1, 0.05, 0.025 fs against the kick", limit, kick, 1e-5,
                "extrapolated: third order in the width")


def exact_kick(suite):
    """f just after a kick, from the equation: k displaced, exp(i I r/hbar) f exp(-i I r/hbar)."""
    impulse, points = -0.1, 256  # charge -1
    h = oracle.ssh(1.0, 0.7, 0.1, 3.0)
    k = 2 * np.pi / 3.0 * np.arange(points)[:, None] / points
    start = k - impulse / oracle.HBAR
    phase = np.exp(1j * impulse * np.array([0.0, 1.3]) / oracle.HBAR)
    f = phase[:, None] * oracle.band_projector(h(start), 0) * phase.conj()
    u = oracle.function_of(h(k), lambda e: np.exp(-1j * e * 2.0 / oracle.HBAR))
    for scheme in SCHEMES:
        result = suite.run(scenario([FIELDS["kick at 0"]], 2.0, 2.0, scheme, rtol=1e-10,
                                    points=points))
        suite.equal(f"{scheme}: state 2 fs after a kick at 0", result.snapshot()[-1],
                    u @ f @ oracle.dagger(u), 1e-8, "closed form; 256 points hold f")


FORMULA = ("0.05*exp(-4*0.693147180559945309*((t-{0})/5)^2)"
           "*cos(2*3.14159265358979324*0.2*(t-{0})+0.4)")


def late_field(suite, form, center):
    if form == "pulse":
        return pulse(center=center, fwhm=5.0)
    if form == "expression":
        # Its structure, 5 fs, is more than 1/70000 of the duration.
        return {"kind": "expression", "expression": FORMULA.format(center)}
    t = np.linspace(-25, 25, 2001)
    name = suite.write(f"table{center:g}.txt", "# fs, V/angstrom\n" + "".join(
        f"{a!r} {b!r}\n" for a, b in zip((t + center).tolist(), oracle.gauss_pulse(
            0.05, 0.0, 5.0, 0.2, 0.4)(t).tolist())))
    return {"kind": "table", "file": name}


def late_form(suite, form):
    """A pulse of 5 fs at 50 ps of 50.1 ps, after quiet: the same state as when it comes early.

    Equilibrium is stationary, so only the pulse counts; t runs to the same distance after it.
    """
    want = suite.run(scenario([pulse(center=50.0, fwhm=5.0)], 150.0, 150.0)).snapshot()
    suite.above(f"{form}: the pulse does something", np.max(np.abs(want[-1] - want[0])), 0.05,
                "else nothing is tested")
    for center in (50.0, 8000.0, 50000.0):
        state = suite.run(scenario([late_field(suite, form, center)], center + 100.0,
                                   center + 100.0), limit=30).snapshot()[-1]
        suite.equal(f"{form} at {center:g} fs: state 100 fs after it", state, want[-1], 2e-5,
                    "200 rtol, rtol 1e-7")


def late_pulse(suite):
    late_form(suite, "pulse")


def late_table(suite):
    late_form(suite, "table")


def late_expression(suite):
    late_form(suite, "expression")


def late_many_frames(suite):
    """The same with sparse frames and a snapshot in the quiet; a chain without any gap."""
    chain = {"kind": "chain", "J": "0.5 eV", "lattice_constant": "3 angstrom"}
    for scheme in SCHEMES:
        states = []
        for center, step in ((50.0, 10.0), (50000.0, 7000.0), (50000.0, 50.0)):
            entry = pulse(0.02, center, 5.0, 0.0, 0.0)
            result = suite.run(scenario([entry], center + 100.0, step, scheme, chain, WARM))
            states.append(result.snapshot()[-1])
            suite.equal(f"{scheme}, chain, pulse at {center:g}, every {step:g}: work",
                        result.trace("work")[-1],
                        result.trace("energy")[-1] - result.trace("energy")[0], 1e-6, "eV")
        suite.equal(f"{scheme}, chain: late against early", np.array(states[1:]), states[0], 2e-5,
                    "200 rtol")
        suite.above(f"{scheme}, chain: the pulse moves it", np.max(np.abs(states[0] - suite.run(
            scenario([], 1.0, 1.0, model=chain, initial=WARM)).snapshot()[0])), 0.05,
            "else nothing is tested")


def same_field(suite):
    """pulse, expression, table, and sums of them, at rtol 1e-10."""
    node = np.linspace(0, 14, 1401)
    values = oracle.gauss_pulse(0.05, 6.0, 4.0, 0.2, 0.4)(node)
    suite.write("pulse.txt", "".join(f"{a!r}\t{b!r}\n" for a, b in
                                     zip(node.tolist(), values.tolist())))
    suite.write("scaled.txt", "".join(f"{a / 1e3!r} {b * 100!r}\n" for a, b in
                                      zip(node.tolist(), values.tolist())))
    expression = ("0.05*exp(-4*0.693147180559945309*((t-6)/4)^2)"
                  "*cos(2*3.14159265358979324*0.2*(t-6)+0.4)")
    forms = {
        "expression": [{"kind": "expression", "expression": expression}],
        "table": [{"kind": "table", "file": "pulse.txt"}],
        "table in ps and MV/cm": [{"kind": "table", "file": "scaled.txt", "time_scale": "1 ps",
                                   "scale": "1 MV/cm"}],
        "two halves": [pulse(0.025), pulse(0.025)],
        "pulse minus expression plus table": [pulse(), {"kind": "table", "file": "pulse.txt"},
                                              {"kind": "expression",
                                               "expression": "-" + expression}],
    }
    for scheme in SCHEMES:
        want = suite.run(scenario([pulse()], 14.0, 0.5, scheme, rtol=1e-10))
        suite.equal(f"{scheme}: /traces/field of the pulse", want.trace("field")[:, 0],
                    oracle.gauss_pulse(0.05, 6.0, 4.0, 0.2, 0.4)(want.trace("time")), 1e-15,
                    "the formula")
        for label, fields in forms.items():
            got = suite.run(scenario(fields, 14.0, 0.5, scheme, rtol=1e-10))
            # A cubic spline over 0.01 fs errs by 1e-9 of the field.
            suite.equal(f"{scheme}, {label}: /traces/field", got.trace("field"),
                        want.trace("field"), 1e-8 * 0.05, "natural spline over 0.01 fs")
            suite.equal(f"{scheme}, {label}: last state", got.snapshot()[-1],
                        want.snapshot()[-1], 2e-7, "rtol 1e-10 and the spline, cut at 14 fs")
    # A coarse table means its natural cubic spline, zero outside.
    coarse, e = [2.0, 4.0, 5.0, 9.0], [0.0, 0.04, -0.03, 0.0]
    suite.write("coarse.txt", "".join(f"{a} {b}\n" for a, b in zip(coarse, e)))
    got = suite.run(scenario([{"kind": "table", "file": "coarse.txt"}], 12.0, 0.25))
    t = got.trace("time")
    spline = np.where((t >= 2) & (t <= 9), CubicSpline(coarse, e, bc_type="natural")(t), 0.0)
    suite.equal("coarse table: natural cubic spline, zero outside", got.trace("field")[:, 0],
                spline, 1e-14, "describe field.table")


if __name__ == "__main__":
    main([every, frame_times, before_kick, kick_limit, exact_kick, late_pulse, late_table,
          late_expression, late_many_frames, same_field])
