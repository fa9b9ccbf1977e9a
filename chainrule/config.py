"""Base: process-wide settings, read from the environment once and changeable by assignment."""

from __future__ import annotations

import os

from chainrule.events import Events


class Config:
    """Settings of the process; `chainrule.config` is the only instance.

    `float64`: keep float64 NumPy input instead of casting it to float32.
    `verify`: check graphs and programs after every pass (always on in the tests).
    `dump`: names of passes whose result is printed (environment `CHAINRULE_DUMP=fuse,memory`).
    `search`: let functions that are compiled from now on try several tiles for each contraction,
    and use the fastest; winners are kept in the cache on disk (environment `CHAINRULE_SEARCH=1`).
    `debug_nans`: replay a compiled call that produced a NaN and name the first bad operation.
    """

    __slots__ = ("float64", "verify", "dump", "search", "debug_nans")

    def __init__(self) -> None:
        self.float64 = os.environ.get("CHAINRULE_FLOAT64", "") == "1"
        self.verify = os.environ.get("CHAINRULE_VERIFY", "") == "1"
        self.dump = frozenset(filter(None, os.environ.get("CHAINRULE_DUMP", "").split(",")))
        self.search = os.environ.get("CHAINRULE_SEARCH", "") == "1"
        self.debug_nans = False

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        Events.count += 1


config = Config()
