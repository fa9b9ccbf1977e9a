"""Sums of products in a normal form: equal terms are collected, equal factors become powers.

Receives numbers and names from `formula`; hands back expressions, compared by what they say.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Monomial = tuple[tuple[Any, float], ...]  # (atom, exponent) for each factor, in one fixed order.


class Call(NamedTuple):
    """A function of expressions, by its public name."""

    name: str
    arguments: tuple[Sum, ...]


class Sum:
    """An expression: the coefficient of each product. An atom is a name, a Call, or a Sum that is
    not multiplied out.
    """

    __slots__ = ("terms",)

    def __init__(self, terms: dict[Monomial, float]) -> None:
        self.terms = {monomial: factor for monomial, factor in terms.items() if factor}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sum) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __repr__(self) -> str:
        return f"Sum({self.terms})"

    def __add__(self, other: Sum) -> Sum:
        terms = dict(self.terms)
        for monomial, factor in other.terms.items():
            terms[monomial] = terms.get(monomial, 0.0) + factor
        return Sum(terms)

    def __neg__(self) -> Sum:
        return number(-1) * self

    def __sub__(self, other: Sum) -> Sum:
        return self + -other

    def __mul__(self, other: Sum) -> Sum:
        """One product is distributed over a sum; of two sums each becomes an atom."""
        if len(self.terms) > 1 and len(other.terms) > 1:
            return atom(self) * atom(other)
        result = number(0)
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                result += _product(a * b, left, right)
        return result

    def __truediv__(self, other: Sum) -> Sum:
        return self * other.power(-1)

    def power(self, exponent: float) -> Sum:
        """Not (x**2)**0.5 = x, which is wrong below 0: inner powers are multiplied by whole
        exponents only.
        """
        if exponent in (0, 1):
            return self if exponent else number(1)
        if len(self.terms) != 1:
            return atom(self, exponent)
        ((monomial, factor),) = self.terms.items()
        if float(exponent).is_integer():
            return Sum({tuple((base, e * exponent) for base, e in monomial): factor**exponent})
        if not monomial and factor > 0:
            return number(factor**exponent)
        bare = factor == 1 and len(monomial) == 1 and monomial[0][1] == 1
        return atom(monomial[0][0] if bare else self, exponent)

    @property
    def value(self) -> float | None:
        """The number that this is, or None."""
        return self.terms.get((), 0.0) if self.terms.keys() <= {()} else None


def number(value: float) -> Sum:
    return Sum({(): float(value)})


def atom(what: Any, exponent: float = 1) -> Sum:
    return Sum({((what, float(exponent)),): 1.0})


def call(name: str, *arguments: Sum) -> Sum:
    return atom(Call(name, arguments))


def _product(factor: float, left: Monomial, right: Monomial) -> Sum:
    exponents = dict(left)
    for base, exponent in right:
        exponents[base] = exponents.get(base, 0.0) + exponent
    factors = sorted(((b, e) for b, e in exponents.items() if e), key=_place)
    if len(factors) == 1 and isinstance(factors[0][0], Sum) and factors[0][1] == 1:
        return number(factor) * factors[0][0]
    return Sum({tuple(factors): factor})


def _place(factor: tuple[Any, float]) -> tuple:
    """Names come first, sums last."""
    base = factor[0]
    return (isinstance(base, Sum), not isinstance(base, str), repr(base))
