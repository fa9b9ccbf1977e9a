"""Checks of linear algebra."""

from __future__ import annotations

from chainrule.checks.row import Check

CHECKS: tuple[Check, ...] = ()
