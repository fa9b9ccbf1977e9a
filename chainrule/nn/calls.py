"""Which module is running: wraps `__call__`, so that errors and nodes can name its path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from chainrule.errors import ChainruleError
from chainrule.frontend import trace


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


def located(call: Callable) -> Callable:
    """`__call__` of a module, which while it runs is known as the running one."""

    @wraps(call)
    def run(self: Any, *arguments: Any, **keywords: Any) -> Any:
        before = running.prefix, running.places, trace.state.modules
        if id(self) not in running.places:
            running.prefix = (*trace.state.modules, type(self).__name__)
            running.places = self.walk().places
        path = running.places[id(self)]
        trace.state.modules = (*running.prefix, path) if path else running.prefix
        try:
            result = call(self, *arguments, **keywords)
        except ChainruleError as error:
            if here() not in str(error) and not hasattr(error, "__notes__"):
                error.add_note(f"in {here()}")
            raise
        finally:
            running.prefix, running.places, trace.state.modules = before
        return result if running.observer is None else running.observer(self, result)

    return run
