"""The distributions that PyTorch lacks, by the names of our checks: formulas in float64 NumPy.

A reference receives arrays, and modules as dicts of arrays by path; it hands back the value.
"""

REFERENCES = {}
