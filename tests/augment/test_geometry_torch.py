"""Geometry and mixed labels against PyTorch: resized crops, sampling with a grid, flips."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import augment

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers


def images(random, *shape):
    return random.uniform(size=shape)


def first(x):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


@pytest.mark.covers("A-124", "A-125")
def test_resized_crops_are_pytorchs_antialiased_interpolation():
    for seed in range(20):
        random = np.random.default_rng(seed)
        height, width, *size = (int(n) for n in random.integers(4, 30, 4))
        top, left = int(random.integers(0, height - 2)), int(random.integers(0, width - 2))
        bottom, right = (
            int(random.integers(top + 1, height + 1)),
            int(random.integers(left + 1, width + 1)),
        )
        x = images(random, 2, height, width, 3)
        expected = torch.nn.functional.interpolate(
            first(x[:, top:bottom, left:right]), size=tuple(size), mode="bilinear", antialias=True
        )
        found = augment.resized_crop(
            cr.asarray(x, dtype=cr.float64), np.array([top, left, bottom, right]), tuple(size)
        )
        np.testing.assert_allclose(
            np.moveaxis(found.numpy(), -1, 1), expected.numpy(), rtol=1e-9, atol=1e-12
        )


@pytest.mark.covers("A-123")
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_sampling_is_grid_sample(mode):
    for seed in range(20):
        random = np.random.default_rng(seed)
        height, width = (int(n) for n in random.integers(2, 12, 2))
        x, shape = images(random, 3, height, width, 2), (3, 5, 7)
        rows, columns = (random.uniform(-2, n + 1, shape) for n in (height, width))
        grid = np.stack([(columns + 0.5) * 2 / width - 1, (rows + 0.5) * 2 / height - 1], -1)
        given, places = first(x).requires_grad_(), torch.from_numpy(grid).requires_grad_()
        expected = torch.nn.functional.grid_sample(given, places, mode, align_corners=False)
        expected.square().sum().backward()

        def loss(x, rows, columns):
            return cr.sum(augment.sample(x, rows, columns, mode=mode) ** 2)

        with_floats = [cr.asarray(a, dtype=cr.float64) for a in (x, rows, columns)]
        found = augment.sample(*with_floats, mode=mode)
        gradients = cr.grad(loss, argnums=(0, 1, 2))(*with_floats)
        slopes = places.grad.numpy() * [2 / width, 2 / height]
        theirs = (np.moveaxis(given.grad.numpy(), 1, -1), slopes[..., 1], slopes[..., 0])
        np.testing.assert_allclose(np.moveaxis(found.numpy(), -1, 1), expected.detach(), atol=1e-9)
        for ours, other in zip(gradients, theirs, strict=True):
            np.testing.assert_allclose(ours.numpy(), other, atol=1e-8)


@pytest.mark.covers("A-123", "A-125")
def test_affine_is_affine_grid():
    random = np.random.default_rng(0)
    x = images(random, 4, 9, 6, 3)
    matrix = np.eye(3)[:2] + random.normal(size=(4, 2, 3)) * 0.3
    # PyTorch's coordinates are (x, y), and run from -1 to 1.
    half = np.array([9 / 2, 6 / 2])
    scaled = matrix.copy()
    scaled[:, :, :2] = matrix[:, :, :2] * half / half[:, None]
    scaled[:, :, 2] = matrix[:, :, 2] / half
    theta = scaled[:, ::-1][:, :, [1, 0, 2]].copy()
    grid = torch.nn.functional.affine_grid(
        torch.from_numpy(theta), (4, 3, 9, 6), align_corners=False
    )
    expected = torch.nn.functional.grid_sample(first(x), grid, align_corners=False)
    found = augment.affine(cr.asarray(x, dtype=cr.float64), cr.asarray(matrix, dtype=cr.float64))
    np.testing.assert_allclose(np.moveaxis(found.numpy(), -1, 1), expected.numpy(), atol=1e-9)
