"""Checks of distributions."""

from __future__ import annotations

from chainrule.checks.row import Check

CHECKS: tuple[Check, ...] = ()
