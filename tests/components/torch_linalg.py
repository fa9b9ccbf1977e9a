"""The linear algebra of PyTorch, by the names of our checks."""

import pytest

torch = pytest.importorskip("torch")


def symmetric(x):
    return (x + x.mT) / 2


def svd(x):
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    return u * u, s, vt * vt


def eigh(x):
    values, vectors = torch.linalg.eigh(symmetric(x))
    return values, vectors * vectors


def lstsq(a, b):
    return torch.linalg.pinv(a) @ b


def powers(x):
    return tuple(torch.linalg.matrix_power(x, n) for n in (0, 1, 3, -2))


def norms(x):
    orders = (1, 2, 3, 1.5, torch.inf, -torch.inf)
    return tuple(torch.linalg.vector_norm(x, p, dim=-1) for p in orders)


def matrix_norms(x):
    orders = ("fro", "nuc", 1, -1, 2, -2, torch.inf, -torch.inf)
    return tuple(torch.linalg.matrix_norm(x, order) for order in orders)


def euclidean(x, y):
    return torch.linalg.vector_norm(x - y, dim=-1)


def manhattan(x, y):
    return torch.cdist(x[..., None, :], y[..., None, :], p=1)[..., 0, 0]


def chebyshev(x, y):
    return torch.cdist(x[..., None, :], y[..., None, :], p=torch.inf)[..., 0, 0]


def minkowski(x, y):
    return torch.cdist(x[..., None, :], y[..., None, :], p=3)[..., 0, 0]


def cosine(x, y):
    return 1 - torch.nn.functional.cosine_similarity(x, y, dim=-1)


def mahalanobis(x, y, covariance):
    step = x - y
    return torch.sqrt(torch.einsum("...i,ij,...j", step, torch.linalg.inv(covariance), step))


def pairwise(x, y):
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


REFERENCES = {
    "matmul": torch.matmul,
    "linalg.solve": torch.linalg.solve,
    "linalg.inv": torch.linalg.inv,
    "linalg.det": torch.linalg.det,
    "linalg.slogdet": torch.linalg.slogdet,
    "linalg.cholesky": lambda x: torch.linalg.cholesky(symmetric(x)),
    "linalg.qr": torch.linalg.qr,
    "linalg.svd": svd,
    "linalg.svdvals": torch.linalg.svdvals,
    "linalg.eigh": eigh,
    "linalg.eigvalsh": lambda x: torch.linalg.eigvalsh(symmetric(x)),
    "linalg.pinv": torch.linalg.pinv,
    "linalg.lstsq": lstsq,
    "linalg.matrix_power": powers,
    "linalg.trace": lambda x: torch.diagonal(x, dim1=-2, dim2=-1).sum(-1),
    "linalg.diagonal": lambda x: torch.diagonal(x, dim1=-2, dim2=-1),
    "linalg.outer": torch.outer,
    "linalg.cross": torch.linalg.cross,
    "linalg.vector_norm": norms,
    "linalg.matrix_norm": matrix_norms,
    "linalg.distances.euclidean": euclidean,
    "linalg.distances.manhattan": manhattan,
    "linalg.distances.chebyshev": chebyshev,
    "linalg.distances.minkowski": minkowski,
    "linalg.distances.cosine": cosine,
    "linalg.distances.mahalanobis": mahalanobis,
    "linalg.distances.pairwise": pairwise,
}
