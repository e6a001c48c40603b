"""The potential U(R) of a scenario, for figures: a result holds its terms, not its values."""

import ast
import math
import operator
import re
from pathlib import Path

import numpy as np
from scipy.special import erf

from .result import number_of

# e^2/epsilon_0 in eV angstrom, CODATA 2018
COULOMB = 180.95128
FUNCTIONS = {name: getattr(np, name) for name in (
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "sqrt", "log2", "log10", "sign", "rint")}
FUNCTIONS |= {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
              "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "ln": np.log,
              "abs": np.abs, "erf": erf, "step": lambda x: np.heaviside(x, 1.0),
              "min": lambda *x: np.minimum.reduce(np.broadcast_arrays(*x)),
              "max": lambda *x: np.maximum.reduce(np.broadcast_arrays(*x))}
CONSTANTS = {"pi": math.pi, "_pi": math.pi, "e": math.e, "_e": math.e}
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
             ast.Pow: operator.pow, ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Lt: np.less,
             ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal}


def evaluate(formula, **variables):
    """A formula of a scenario for arrays; ValueError where it holds something that is not known here."""
    def value(node):
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return node.value
        if isinstance(node, ast.Name) and node.id in variables | CONSTANTS:
            return (CONSTANTS | variables)[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.operand))
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
            return 1.0 * OPERATORS[type(node.ops[0])](value(node.left), value(node.comparators[0]))
        if isinstance(node, ast.IfExp):
            return np.where(value(node.test), value(node.body), value(node.orelse))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            return FUNCTIONS[node.func.id](*map(value, node.args))
        raise ValueError(formula)

    # "a ? b : c" of muParser, one of them, is "b if a else c".
    text = re.sub(r"^([^?]*)\?([^?:]*):([^?:]*)$", r"(\2) if (\1) else (\3)", str(formula)).strip()
    try:
        return value(ast.parse(text.replace("^", "**"), mode="eval").body)
    except (SyntaxError, TypeError) as problem:
        raise ValueError(formula) from problem


class Potential:
    """U(R) of a result with one dimension of R.

    is_known  False without a potential, and where a term cannot be computed here: a random field, or a
              formula with functions of muParser that are not known here
    """

    def __init__(self, result):
        self.r = result.read("/grid/r").values.reshape(-1) if "/grid/r" in result else np.empty(0)
        self.terms = result.parameters.get("potential") or []
        self.unit = "1" if result.is_natural else "eV"
        self.coupling = float(result.parameters.get("charge", -1))**2 * (1.0 if result.is_natural else COULOMB)
        self.folder = Path(str(result.attributes.get("scenario_folder", ".")))
        try:
            self.at(0.0, np.ones(self.r.size))
            self.is_known = bool(self.terms)
        except (ValueError, OSError, KeyError):
            self.is_known = False

    def at(self, time, density):
        """U [R] at a time, where n(R) is the density."""
        total = np.zeros(self.r.size)
        for term in self.terms:
            factor = evaluate(term["modulation"], t=time) if "modulation" in term else 1.0
            total = total + factor * self.term(term, density)
        return total

    def term(self, term, density):
        center = term.get("center") or [0.0]
        x = self.r - number_of(center[0] if isinstance(center, list) else center) - number_of(term.get("position"))
        kind = term["kind"]
        if kind == "harmonic":
            return number_of(term["stiffness"]) * x**2 / 2
        if kind == "gaussian":
            return number_of(term["height"]) * np.exp(-x**2 / (2 * number_of(term["width"])**2))
        if kind in ("barrier", "double_barrier"):
            half, edge = number_of(term["width"]) / 2, number_of(term["edge"])
            apart = number_of(term.get("separation")) / 2
            places = (0.0,) if kind == "barrier" else (-apart, apart)
            return number_of(term["height"]) / 2 * sum(
                erf((x - a + half) / edge) - erf((x - a - half) / edge) for a in places)
        if kind == "periodic":
            return number_of(term["amplitude"]) * np.cos(2 * np.pi * x / number_of(term["period"])
                                                      + number_of(term.get("phase")))
        if kind == "expression":
            return evaluate(term["expression"], x=self.r, y=0.0, z=0.0) + 0 * self.r
        if kind == "table":
            return number_of(term.get("scale"), 1.0) * np.loadtxt(self.folder / term["file"]).reshape(self.r.shape)
        if kind == "hartree":
            return self.hartree(term, density)
        raise ValueError(kind)

    def hartree(self, term, density):
        """-U'' = (q^2 e^2/epsilon_0 epsilon A) (n - n_b), periodic and of zero mean."""
        background = evaluate(term["background"], x=self.r, y=0.0, z=0.0) if "background" in term else 0.0
        q = 2 * np.pi * np.fft.rfftfreq(self.r.size, self.r[1] - self.r[0])
        u = np.fft.rfft(density - background)
        u[1:] *= self.coupling / (number_of(term.get("permittivity"), 1.0) * number_of(term.get("cross_section"), 1.0)
                                  * q[1:]**2)
        u[0] = 0
        return np.fft.irfft(u, self.r.size)
