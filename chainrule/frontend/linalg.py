"""`cr.linalg`: the linear algebra extension of the array API standard, least squares, distances.

Names only: they come from `functions`, and go to users.
"""

from chainrule.frontend.functions import distances
from chainrule.frontend.functions.linear_algebra import (
    cross,
    diagonal,
    matmul,
    outer,
    tensordot,
    trace,
    vecdot,
)
from chainrule.frontend.functions.manipulation import matrix_transpose
from chainrule.frontend.functions.matrices import (
    cholesky,
    det,
    eigh,
    eigvalsh,
    inv,
    lstsq,
    matrix_power,
    matrix_rank,
    pinv,
    qr,
    slogdet,
    solve,
    svd,
    svdvals,
)
from chainrule.frontend.functions.norms import matrix_norm, vector_norm

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "distances",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
