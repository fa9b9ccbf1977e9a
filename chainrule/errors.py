"""Base: the exceptions of the library. Every message reads `[where] what happened; why; do this
instead`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from chainrule.words import suggestion


class ChainruleError(Exception):
    """Any error that the library raises on purpose."""

    def __init__(self, where: str, what: str, why: str = "", instead: str = "") -> None:
        parts = "; ".join(part for part in (what, why, instead) if part)
        super().__init__(f"[{where}] {parts}")


class ShapeError(ChainruleError, ValueError):
    """Shapes that do not fit together."""


class DTypeError(ChainruleError, TypeError):
    """A dtype that the operation is not defined for."""


class ArgumentError(ChainruleError, ValueError):
    """An argument outside its domain."""


class IndexingError(ChainruleError, IndexError):
    """An index that does not fit the array."""


class AxisError(ArgumentError, IndexError):
    """An axis that the array does not have."""


class MatrixError(ArgumentError, np.linalg.LinAlgError):
    """A matrix that has no such factorization or solution."""


class ImmutableError(ChainruleError, TypeError):
    """An attempt to change a Tensor in place."""


class TraceError(ChainruleError, TypeError):
    """A traced value used where only a concrete value can stand."""


class GradientError(ChainruleError, AssertionError):
    """A derivative that finite differences contradict."""


class NanError(ChainruleError, ArithmeticError):
    """A NaN that an operation made, while `config.debug_nans` is set."""


class DataError(ChainruleError, ValueError):
    """A table, column or target that cannot be trained on."""


class TrainingError(ChainruleError, ArithmeticError):
    """Training that cannot go on: a loss that is not finite."""


class VerificationError(ChainruleError, AssertionError):
    """A graph or program that breaks its own invariants: a defect of the library."""


def unknown(
    where: str, what: str, name: object, known: Iterable[str], of: str = ""
) -> ArgumentError:
    """The error for a name that is none of the known ones: with the one that was probably meant, or
    else with all of them.
    """
    known = list(known)
    close = suggestion(str(name), known)
    why = "" if close else f"there are {', '.join(known)}"
    what = f"there is no {what} {name!r}{of}"
    return ArgumentError(where, what, why, close or "choose one of them")
