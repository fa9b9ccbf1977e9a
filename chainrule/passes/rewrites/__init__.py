"""The rules of `passes.simplify`, one file a family; each hands its table to `simplify`."""
