"""Which module is running: wraps `__call__`, so that errors and nodes can name its path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from chainrule import tree
from chainrule.dtypes import float32
from chainrule.errors import ChainruleError
from chainrule.frontend import trace
from chainrule.frontend.box import Box, node_of
from chainrule.frontend.lift import cast, lift
from chainrule.frontend.nesting import Stand, outermost, standing
from chainrule.frontend.tensor import Tensor


class _Running(threading.local):
    """Paths of the outermost module's parts by id; `prefix` names that module itself."""

    prefix: tuple[str, ...] = ()
    places: dict[int, str] = {}
    observer: Callable[[Any, Any], Any] | None = None


running = _Running()


def here() -> str:
    """The path of the running module: the outermost one's class, then attributes: `Net.hidden`."""
    return ".".join(trace.state.modules)


@contextmanager
def observed(observer: Callable[[Any, Any], Any]) -> Iterator[None]:
    """In the block each module hands on what `observer(module, result)` returns."""
    before, running.observer = running.observer, observer
    try:
        yield
    finally:
        running.observer = before


def _in_16_bits(call: Callable, module: Any, arguments: tuple, keywords: dict, first: bool) -> Any:
    """The call with float32 rounded: what it is given and, once for all parts, parameters."""
    arguments, keywords = tree.replace(_rounded, (arguments, keywords))

    def work() -> Any:
        stands = {box: _stand(box) for box in module.narrowed_parameters()}
        with standing(list(stands), stands.get, keep_values=True):
            return call(module, *arguments, **keywords)

    return outermost(work) if first else call(module, *arguments, **keywords)


def _rounded(leaf: Any) -> Any:
    dtype = trace.state.precision
    wide = isinstance(leaf, Tensor) and leaf.dtype is float32 and not isinstance(leaf, Box)
    array = isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
    return cast(lift(leaf), dtype) if dtype is not None and (wide or array) else leaf


def _stand(box: Box) -> Stand | None:
    assert trace.state.precision is not None
    if box.dtype is not float32:
        return None
    narrow = cast(box, trace.state.precision)
    return Stand(narrow, node_of(narrow))


def located(call: Callable) -> Callable:
    """`__call__` of a module, which while it runs is known as the running one."""

    @wraps(call)
    def run(self: Any, *arguments: Any, **keywords: Any) -> Any:
        before = running.prefix, running.places, trace.state.modules
        precision = trace.state.precision
        if id(self) not in running.places:
            running.prefix = (*trace.state.modules, type(self).__name__)
            running.places = self.walk().places
        path = running.places[id(self)]
        trace.state.modules = (*running.prefix, path) if path else running.prefix
        try:
            if precision is not None and not self.full_precision:
                result = _in_16_bits(call, self, arguments, keywords, not path)
            else:
                trace.state.precision = None
                result = call(self, *arguments, **keywords)
        except ChainruleError as error:
            if here() not in str(error) and not hasattr(error, "__notes__"):
                error.add_note(f"in {here()}")
            raise
        finally:
            running.prefix, running.places, trace.state.modules = before
            trace.state.precision = precision
        return result if running.observer is None else running.observer(self, result)

    return run
