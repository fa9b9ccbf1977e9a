"""Every optimizer against its formula in NumPy, compiled and not, in both widths; resumed."""

import numpy as np
import pytest
from optim.optimizers import CASES

import chainrule as cr
from chainrule import nn, optim

R = np.random.default_rng(0)
START = {"a": R.normal(size=(3, 5)), "b": R.normal(size=4)}
GRADS = [{path: R.normal(size=x.shape) for path, x in START.items()} for _ in range(20)]

each = pytest.mark.parametrize("name", CASES)


def parameters(dtype="float64"):
    return {path: nn.Parameter(cr.asarray(x, dtype=dtype)) for path, x in START.items()}


def tensors(grads, dtype="float64"):
    return {path: cr.asarray(g, dtype=dtype) for path, g in grads.items()}


def updates(optimizer, grads):
    optimizer.update(grads)


@pytest.mark.covers(
    "A-063", "A-064", "A-065", "A-066", "A-067", "A-068", "A-069", "A-070", "A-071", "A-109"
)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@each
def test_formula(name, compiled):
    make, formula, options = CASES[name]
    held = parameters()
    optimizer, expected = make(held), dict(START)
    states = {path: {} for path in START}
    step = cr.jit(updates) if compiled else updates
    for t, grads in enumerate(GRADS, 1):
        step(optimizer, tensors(grads))
        for path, g in grads.items():
            expected[path] = formula(expected[path], g, states[path], t, **options)
            np.testing.assert_allclose(held[path].numpy(), expected[path], rtol=1e-11)
    assert optimizer.steps.item() == len(GRADS)
    assert not compiled or len(step.compiled) == 1


@each
def test_float32_keeps_its_digits(name):
    """Also compiled and not agree. 1 - b2**t in float32 would be wrong in the fourth digit."""
    make, formula, options = CASES[name]
    if name.startswith("Adafactor"):
        options = options | {"smallest": 2.0**-23}
    held, compiled = parameters("float32"), parameters("float32")
    one, two, step = make(held), make(compiled), cr.jit(updates)
    expected, states = dict(START), {path: {} for path in START}
    for t, grads in enumerate(GRADS, 1):
        one.update(tensors(grads, "float32"))
        step(two, tensors(grads, "float32"))
        for path, g in grads.items():
            expected[path] = formula(expected[path], g, states[path], t, **options)
            for x in (held[path], compiled[path]):
                np.testing.assert_allclose(x.numpy(), expected[path], rtol=2e-5, atol=2e-5)
            np.testing.assert_allclose(held[path].numpy(), compiled[path].numpy(), atol=2e-5)
    kinds = {p: x.dtype for p, x in one.named_boxes().items() if p.endswith((".a", ".b"))}
    assert set(kinds.values()) == {cr.float32}


@each
def test_resuming_continues_exactly(name):
    make, _, _ = CASES[name]
    first, second = parameters(), parameters()
    one, two = make(first), make(second)
    for grads in GRADS[:5]:
        one.update(tensors(grads))
    two.learning_rate = 0.7
    two.load_state_dict(one.state_dict())
    for path, x in first.items():
        second[path].assign(x + 0)
    for grads in GRADS[5:]:
        one.update(tensors(grads))
        two.update(tensors(grads))
    for path, x in first.items():
        np.testing.assert_array_equal(x.numpy(), second[path].numpy())


def test_all_are_tested():
    made = {type(make(parameters())) for make, _, _ in CASES.values()}
    steps = {thing for thing in vars(optim).values()
             if isinstance(thing, type) and "new_value" in vars(thing)}  # fmt: skip
    assert steps - made == {optim.Optimizer, optim.ScheduleFreeAdamW}


# ---- What single ones promise ----


def test_muon_makes_singular_values_alike():
    x = cr.asarray(R.normal(size=(6, 4)) * [1, 1, 1, 0.1], dtype="float64")
    s = np.linalg.svd(optim.muon.orthogonalized(x).numpy(), compute_uv=False)
    assert (s > 0.6).all() and (s < 1.3).all()


def test_muon_takes_matrices_that_are_selected():
    held = parameters()
    optimizer = optim.Muon({**held, "c": nn.Parameter(cr.ones((2, 2)))}, where="c")
    assert optimizer.matrices == ("c",) and list(optimizer.v) == ["a", "b"]


def test_lamb_moves_what_is_zero():
    x = nn.Parameter([0.0, 0.0])
    optim.LAMB([x], 0.1).update([cr.asarray([1.0, -2.0])])
    np.testing.assert_allclose(x.numpy(), [-0.1, 0.1], rtol=1e-5)
    optim.LAMB([x], 0.1).update([cr.zeros(2)])
    np.testing.assert_allclose(x.numpy(), [-0.1, 0.1], rtol=1e-5)


def test_adafactor_remembers_rows_and_columns():
    state = optim.Adafactor(parameters()).state_dict()
    shapes = {path: x.shape for path, x in state.items() if "." in path and x.ndim}
    assert shapes == {"v.b": (4,), "rows.a": (3, 1), "columns.a": (1, 5)}


def test_centered_rmsprop_divides_by_no_nan():
    """The variance of equal gradients is 0; rounded it may be less."""
    x = nn.Parameter([1.0] * 50)
    optimizer = optim.RMSProp([x], 1e-9, alpha=0.5, centered=True)
    g = cr.asarray(R.normal(size=50).astype("float32"))
    for _ in range(60):
        optimizer.update([g])
    assert np.isfinite(x.numpy()).all()
