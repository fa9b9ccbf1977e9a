"""Ctrl-C: receives it at any moment; hands it on at the next pause of a training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interruptions() -> Iterator[Callable[[], None]]:
    """Ctrl-C waits for a pause, where all state is whole; the second one does not."""
    heard: list[int] = []

    def pause() -> None:
        if heard:
            raise KeyboardInterrupt

    def listen(number: int, frame: Any) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield pause
        return
    before = signal.signal(signal.SIGINT, listen)
    try:
        yield pause
    finally:
        signal.signal(signal.SIGINT, before)
