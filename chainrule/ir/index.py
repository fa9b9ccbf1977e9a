"""Index arithmetic: places in memory as linear forms over loop axes. Receives axes from lowering;
codegen emits them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Axis(NamedTuple):
    """A loop from 0 to `size`; `number` is its place in the kernel's loop nest."""

    number: int
    size: int


class Quotient(NamedTuple):
    """`index // divisor`, or `index % divisor` if `rest`: what a reshape leaves when it is not
    linear.

    The index is never negative, so that unsigned division computes it.
    """

    index: Index  # type: ignore[assignment]
    divisor: int
    rest: bool


def _order(term: tuple[Axis | Quotient, int]) -> tuple:
    atom, coefficient = term
    return (0, atom.number, 0) if isinstance(atom, Axis) else (1, atom.divisor, hash(atom))


class Index:
    """A sum of coefficient * atom plus a constant, where an atom is an Axis or a Quotient.
    Immutable, comparable.
    """

    __slots__ = ("terms", "constant", "_hash")

    def __init__(
        self, terms: Iterable[tuple[Axis | Quotient, int]] = (), constant: int = 0
    ) -> None:
        self.terms = tuple(sorted(terms, key=_order))
        self.constant = constant
        self._hash = hash((self.terms, constant))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Index)
            and self._hash == other._hash
            and self.constant == other.constant
            and self.terms == other.terms
        )

    def __repr__(self) -> str:
        parts = [_describe(atom, coefficient) for atom, coefficient in self.terms]
        if self.constant or not parts:
            parts.append(str(self.constant))
        return " + ".join(parts).replace("+ -", "- ")

    def __add__(self, other: Index | int) -> Index:
        if isinstance(other, int):
            return Index(self.terms, self.constant + other) if other else self
        if not other.terms:
            return self + other.constant
        total = dict(self.terms)
        for atom, coefficient in other.terms:
            total[atom] = total.get(atom, 0) + coefficient
        joined = _join(total)
        return Index([t for t in total.items() if t[1]], self.constant + other.constant + joined)

    def __mul__(self, factor: int) -> Index:
        if factor == 1:
            return self
        if factor == 0:
            return ZERO
        return Index(
            [(atom, coefficient * factor) for atom, coefficient in self.terms],
            self.constant * factor,
        )

    def bounds(self) -> tuple[int, int]:
        """The least and greatest value over all places of the axes."""
        low = high = self.constant
        for atom, coefficient in self.terms:
            top = _extent(atom) - 1
            low, high = (
                (low, high + coefficient * top)
                if coefficient > 0
                else (low + coefficient * top, high)
            )
        return low, high

    def _split(self, divisor: int) -> tuple[Index, Index]:
        """(a multiple of the divisor, what is left)."""
        whole = [term for term in self.terms if term[1] % divisor == 0]
        left = [term for term in self.terms if term[1] % divisor]
        rest = self.constant % divisor
        return Index(whole, self.constant - rest), Index(left, rest)

    def __floordiv__(self, divisor: int) -> Index:
        if divisor == 1:
            return self
        whole, left = self._split(divisor)
        quotient = Index(
            [(atom, c // divisor) for atom, c in whole.terms], whole.constant // divisor
        )
        low, high = left.bounds()
        below = low // divisor
        if below == high // divisor:
            return quotient + below
        return quotient + Index([(Quotient(left + -below * divisor, divisor, False), 1)], below)

    def __mod__(self, divisor: int) -> Index:
        if divisor == 1:
            return ZERO
        left = self._split(divisor)[1]
        low, high = left.bounds()
        left = left + -(low // divisor) * divisor
        if low // divisor == high // divisor:
            return left
        return Index([(Quotient(left, divisor, True), 1)])

    @property
    def is_linear(self) -> bool:
        """Whether no axis enters through a quotient."""
        return all(isinstance(atom, Axis) for atom, _ in self.terms)

    def axes(self) -> set[Axis]:
        """All axes that the value depends on."""
        found: set[Axis] = set()
        for atom, _ in self.terms:
            found |= {atom} if isinstance(atom, Axis) else atom.index.axes()
        return found

    def coefficient(self, axis: Axis) -> int | None:
        """The factor of an axis; None if the axis enters in another way than linearly."""
        result = 0
        for atom, coefficient in self.terms:
            if atom == axis:
                result = coefficient
            elif isinstance(atom, Quotient) and axis in atom.index.axes():
                return None
        return result

    def substitute(self, replacements: Mapping[Axis, Index]) -> Index:
        """The same index with axes replaced by indices."""
        result = Index((), self.constant)
        for atom, coefficient in self.terms:
            if isinstance(atom, Axis):
                new = replacements.get(atom)
                new = new if new is not None else Index([(atom, 1)])
            else:
                inner = atom.index.substitute(replacements)
                new = inner % atom.divisor if atom.rest else inner // atom.divisor
            result = result + new * coefficient
        return result


ZERO = Index()


def of_axis(axis: Axis) -> Index:
    return Index([(axis, 1)]) if axis.size > 1 else ZERO


def over(shape: Iterable[int]) -> list[Index]:
    """One axis for each dimension, numbered; dimensions of extent 1 need none."""
    return [of_axis(Axis(number, extent)) for number, extent in enumerate(shape)]


def axes_of(indices: Iterable[Index]) -> tuple[Axis, ...]:
    """The axes of plain indices, in order."""
    atoms = [index.terms[0][0] for index in indices if index.terms]
    return tuple([atom for atom in atoms if isinstance(atom, Axis)])


def flat(indices: Iterable[Index], shape: tuple[int, ...]) -> Index:
    """The row-major place of a multi-index in an array of this shape."""
    place, stride = ZERO, 1
    for index, extent in zip(reversed(list(indices)), reversed(shape), strict=True):
        place = place + index * stride
        stride *= extent
    return place


def unflatten(place: Index, shape: tuple[int, ...]) -> list[Index]:
    """The multi-index of a row-major place inside an array of this shape: the inverse of `flat`."""
    indices: list[Index] = []
    for extent in reversed(shape[1:]):
        indices.append(place % extent if extent else ZERO)
        place = place // extent if extent else ZERO
    # The first axis needs no remainder: the place lies inside the array.
    indices += [place if shape[0] > 1 else ZERO] if shape else []
    return indices[::-1]


def _extent(atom: Axis | Quotient) -> int:
    """Atoms run from 0 to their extent."""
    if isinstance(atom, Axis):
        return atom.size
    if atom.rest:
        return atom.divisor
    return atom.index.bounds()[1] // atom.divisor + 1


def _join(total: dict[Axis | Quotient, int]) -> int:
    """x // n * n + x % n is x, whose terms take their place and whose constant is returned: what
    one reshape took apart, another puts together.
    """
    for rest in [atom for atom in total if isinstance(atom, Quotient) and atom.rest]:
        factor, whole = total[rest], rest._replace(rest=False)
        if factor and total.get(whole) == factor * rest.divisor:
            del total[rest], total[whole]
            for atom, coefficient in rest.index.terms:
                total[atom] = total.get(atom, 0) + coefficient * factor
            return rest.index.constant * factor + _join(total)
    return 0


def _describe(atom: Axis | Quotient, coefficient: int) -> str:
    if isinstance(atom, Axis):
        name = f"i{atom.number}"
    else:
        name = f"(({atom.index}) {'%' if atom.rest else '//'} {atom.divisor})"
    return name if coefficient == 1 else f"{coefficient}*{name}"
