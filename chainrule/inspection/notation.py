"""Writes expressions of `algebra` as text, for `formula`: in Python or in LaTeX."""

from __future__ import annotations

import math
from fractions import Fraction

from chainrule.inspection.algebra import Call, Monomial, Sum

# Written between two operands, and the same from the other side.
INFIX = {"less": ("<", ">"), "less_equal": ("<=", ">="), "equal": ("==", "==")}
LARGEST_DENOMINATOR = 9  # 0.5 x is written x/2; 0.044715 x stays.


class Text:
    """Python, in names that both NumPy and chainrule know."""

    relations = INFIX

    def sum(self, expression: Sum) -> str:
        text = ""
        for monomial, factor in sorted(expression.terms.items(), key=lambda term: term[1] < 0):
            term = self._term(abs(factor), monomial)
            if text:
                text += f" - {term}" if factor < 0 else f" + {term}"
            else:
                text = f"-{term}" if factor < 0 else term
        return text or "0"

    def _term(self, factor: float, monomial: Monomial) -> str:
        if factor == 1 and len(monomial) == 1 and monomial[0][1] == 1:
            return self._inside(monomial[0][0])
        up, down = _ratio(factor)
        above = [self._power(base, exponent) for base, exponent in monomial if exponent > 0]
        below = [self._power(base, -exponent) for base, exponent in monomial if exponent < 0]
        if up != 1 or not above:
            above.insert(0, self.number(up))
        if down != 1:
            below.insert(0, self.number(down))
        return self.quotient(above, below) if below else self.product(above)

    def _power(self, base: Sum | Call | str, exponent: float) -> str:
        if exponent == 0.5:
            return self.function("sqrt", [self._inside(base)])
        bare = isinstance(base, str) or isinstance(base, Call) and not self._is_infix(base)
        text = self._inside(base) if bare else self.brackets(self._inside(base))
        return text if exponent == 1 else self.raised(text, self.number(exponent))

    def _inside(self, base: Sum | Call | str) -> str:
        """An atom that needs no brackets."""
        if isinstance(base, Call):
            return self._call(base)
        return self.sum(base) if isinstance(base, Sum) else base

    def _is_infix(self, made: Call) -> bool:
        return made.name in INFIX or made.name == "power"

    def _call(self, made: Call) -> str:
        arguments = made.arguments
        if made.name in INFIX:
            turned = arguments[0].value is not None
            left, right = arguments[::-1] if turned else arguments
            return f"{self.sum(left)} {self.relations[made.name][turned]} {self.sum(right)}"
        texts = [self.sum(argument) for argument in arguments]
        if made.name == "power":
            base, exponent = texts
            return self.raised(base if _is_plain(base) else self.brackets(base), exponent)
        return self.function(made.name, texts)

    # ---- Notation ----

    def number(self, value: float) -> str:
        return f"{value:.15g}"

    def brackets(self, text: str) -> str:
        return f"({text})"

    def product(self, factors: list[str]) -> str:
        return "*".join(factors)

    def quotient(self, above: list[str], below: list[str]) -> str:
        divisor = self.product(below)
        return f"{self.product(above)}/{divisor if len(below) == 1 else self.brackets(divisor)}"

    def raised(self, base: str, exponent: str) -> str:
        return f"{base}**{exponent if _is_plain(exponent) else self.brackets(exponent)}"

    def function(self, name: str, arguments: list[str]) -> str:
        return f"{name}({', '.join(arguments)})"


class Latex(Text):
    """LaTeX for mathematical mode."""

    relations = INFIX | {"less_equal": (r"\le", r"\ge"), "equal": ("=", "=")}
    names = {name: rf"\{name}" for name in ("exp", "log", "sin", "cos", "tanh")} | {
        "sigmoid": r"\sigma", "maximum": r"\max", "minimum": r"\min",
    }  # fmt: skip

    def brackets(self, text: str) -> str:
        return rf"\left({text}\right)"

    def product(self, factors: list[str]) -> str:
        return " ".join(factors)

    def quotient(self, above: list[str], below: list[str]) -> str:
        return rf"\frac{{{self._alone(above)}}}{{{self._alone(below)}}}"

    def _alone(self, factors: list[str]) -> str:
        """One side of a fraction: a single factor needs no brackets."""
        text = self.product(factors)
        bracketed = len(factors) == 1 and text.startswith(r"\left(") and text.endswith(r"\right)")
        return text[len(r"\left(") : -len(r"\right)")] if bracketed else text

    def raised(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def function(self, name: str, arguments: list[str]) -> str:
        if name == "sqrt":
            return rf"\sqrt{{{arguments[0]}}}"
        if name == "abs":
            return rf"\left|{arguments[0]}\right|"
        if name == "where":
            condition, then, otherwise = arguments
            lines = rf"{then} & \text{{if }} {condition} \\ {otherwise} & \text{{otherwise}}"
            return rf"\begin{{cases}} {lines} \end{{cases}}"
        named = self.names.get(name) or rf"\operatorname{{{name.replace('_', ' ')}}}"
        return named + self.brackets(", ".join(arguments))


def _is_plain(text: str) -> bool:
    """Whether a text is one name or number."""
    return text.replace("_", "").replace(".", "").isalnum()


def _ratio(factor: float) -> tuple[float, float]:
    """Numerator and denominator, where these are small whole numbers."""
    if not math.isfinite(factor):
        return factor, 1
    near = Fraction(factor).limit_denominator(LARGEST_DENOMINATOR)
    close = math.isclose(near, factor, rel_tol=1e-15)
    return (near.numerator, near.denominator) if close else (factor, 1)
