"""What each pass must achieve, in counts: without the pass one of these tests fails."""

import math
import re

import numpy as np
import pytest
from compiler.networks import log_softmax, matmul, rows, softmax, training_step
from compiler.programs import Compiled, interpreted, kernels, parallel

from chainrule.autodiff.reverse import gradients
from chainrule.codegen import llvm
from chainrule.codegen.program import emit_program
from chainrule.dtypes import float32, int64
from chainrule.ir.contraction import Contraction, Dimension
from chainrule.ir.node import (
    Graph,
    Spec,
    broadcast_to,
    constant,
    make,
    permute,
    pick,
    reshape,
    unique,
    variable,
)
from chainrule.ir.plan import (
    Barrier,
    Loop,
)
from chainrule.passes import pipeline, split
from chainrule.passes.pipeline import Job, plan


def floats(*shape):
    return variable(Spec(shape, float32))


def planned(parameters, outputs, updates=None):
    return plan(Job(list(parameters), list(outputs), updates or {}))


def after(name, parameters, outputs, updates=None):
    """The work after the named pass."""
    work = Job(list(parameters), list(outputs), updates or {})
    for known, run in pipeline.PASSES:
        work = run(work)
        if known == name:
            return work
    raise LookupError(name)


def nodes_after_simplify(parameters, outputs):
    return after("simplify", parameters, outputs).outputs


# ---- simplify ----


def test_simplify_leaves_no_identities():
    x = floats(3)
    marked = make("mark", make("stop_gradient", x * 1.0 + 0.0), serial=unique())
    assert nodes_after_simplify([x], [marked]) == [x]


def test_simplify_inlines_checkpoints():
    x, inside = floats(3), floats(3)
    body = Graph([inside], [make("exp", inside)])
    (result,) = nodes_after_simplify([x], [pick(make("checkpoint", x, body=body), 0)])
    assert result is make("exp", x)


# ---- windows: what tiles read lies inside ----


def convolution(x, w, stride, padding):
    """Images and kernels, channels last."""
    (n, *places, _), (*kernel, channels, filters) = x.shape, w.shape
    out = [(size + 2 * padding - k) // stride + 1 for size, k in zip(places, kernel, strict=True)]
    window = [Dimension(((1 + axis, stride), (4 + axis, 1)), -padding) for axis in range(2)]
    one = [Dimension(((letter, 1),)) for letter in range(7)]
    spec = Contraction((n, *out, filters, *kernel, channels), (one[0], *window, one[6]),
                       (one[4], one[5], one[6], one[3]), (0, 1, 2, 3))  # fmt: skip
    return make("contract", x, w, spec=spec)


@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 0), (2, 2)])
def test_convolutions_and_their_gradients_are_tiles(stride, padding):
    # With channels enough for whole vectors: fewer share them, and some products are with zeros.
    x, w = floats(2, 9, 8, 16), floats(3, 3, 16, 16)
    y = convolution(x, w, stride, padding)
    g = floats(*y.shape)
    outputs = [y, *gradients([y], [g], [x, w])]
    heroes = [k.hero for k in kernels(planned([x, w, g], outputs)) if k.hero is not None]
    # The input gradient has a phase for each rest of a place.
    assert len(heroes) == 2 + stride**2
    assert not any(h.left.conditions or h.right.conditions for h in heroes)
    products = [math.prod(axis.size for axis in {*h.letters, *h.summed}) for h in heroes]
    assert sum(products) < 4 * max(products[0], y.size * w.size // 16)


def test_depthwise_convolutions_and_their_gradients_are_tiles():
    """Lanes run through both operands, along the channels."""
    x, w = floats(4, 9, 8, 32), floats(3, 3, 32)
    one = [Dimension(((letter, 1),)) for letter in range(6)]
    window = [Dimension(((1 + axis, 2), (4 + axis, 1)), -1) for axis in range(2)]
    spec = Contraction((4, 5, 4, 32, 3, 3), (one[0], *window, one[3]), (one[4], one[5], one[3]),
                       (0, 1, 2, 3))  # fmt: skip
    y = make("contract", x, w, spec=spec)
    g = floats(*y.shape)
    program = planned([x, w, g], [y, *gradients([y], [g], [x, w])])
    heroes = [k.hero for k in kernels(program) if k.hero is not None]
    # Of the phases of the input gradient, that with a single product has no sum.
    assert len(heroes) == 2 + 2**2 - 1
    assert not any(kernel.inner for kernel in kernels(program))
    last = [1, 1]
    assert all([o.index.coefficient(_last(h)) for o in (h.left, h.right)] == last for h in heroes)


def _last(hero):
    return max((axis for axis in hero.letters if axis.size == 32), key=lambda axis: axis.number)


def block(x, weights, scale):
    """A convolution, its result made small by its own sum for each channel, and one more."""
    first, second = weights
    y = convolution(x, first, 1, 1)
    total = make("sum", y, axes=(0, 1, 2))
    y = make("maximum", y * broadcast_to(scale * total, y.shape), y * 0.5)
    return y, convolution(y, second, 1, 1)


def test_what_is_padded_lies_in_memory_once():
    """Its maker writes it, margins and all; the convolution and whoever else wants it read it."""
    x, scale, weights = floats(8, 32, 32, 16), floats(16), [floats(3, 3, 16, 16) for _ in range(2)]
    y, z = block(x, weights, scale)
    program = planned([x, scale, *weights], [z + y])
    made = [kernel for kernel in kernels(program) if kernel.beside]
    assert [buffer.shape for k in made for buffer in {p.buffer for p in k.writes()}] == [
        (8, 34, 34, 16)
    ] * 2
    assert (8, 32, 32, 16) not in [b.shape for b in program.block.temporaries[3:]]


# ---- split: sums in parts ----


def test_a_sum_over_images_is_made_image_by_image():
    x = floats(8, 32, 32, 16)
    first, second = kernels(planned([x], [make("sum", x, axes=(0, 1, 2))]))
    assert [axis.size for axis in first.axes] == [8, 1024, 16]
    assert [axis.size for axis in second.inner] == [8]


@pytest.mark.parametrize("shape", [(300, 100), (100, 300), (8, 100)])
def test_short_sums_and_sums_with_many_results_stay_whole(shape):
    x = floats(*shape)
    assert len(kernels(planned([x], [make("sum", x, axes=(int(shape[0] < shape[1]),))]))) == 1


def test_a_weight_gradient_is_made_of_parts_that_the_cache_holds():
    x, w = floats(32, 32, 32, 16), floats(3, 3, 16, 16)
    y = convolution(x, w, 1, 1)
    (gradient,) = gradients([y], [g := floats(*y.shape)], [w])
    *_, hero, last = kernels(planned([x, w, g], [gradient]))
    parts, *_ = hero.axes
    read = sum(math.prod(place.shape) for place in (hero.hero.left.place, hero.hero.right.place))
    assert hero.hero is not None and 4 * read // parts.size <= split.CACHED_BYTES
    assert parts.size in [axis.size for axis in last.inner]


# ---- lower: views are indices, roots are kernels ----


def test_views_make_no_kernel():
    x = floats(4, 6, 5)
    view = make("flip", permute(x, (2, 0, 1)), axes=(0, 2))
    view = make("slice", reshape(view, (10, 12)), start=(1, 0), stop=(10, 12), step=(2, 3))
    view = make(
        "pad",
        broadcast_to(reshape(view, (5, 1, 4)), (5, 2, 4)),
        low=(1, 0, 0),
        high=(0, 2, 0),
        value=3.0,
    )
    outputs = [make("exp", view), make("sum", view * view, axes=(1,))]
    assert len(planned([x], outputs[:1]).block.items) == 1
    assert len(planned([x], outputs[1:]).block.items) == 1


def test_a_gather_is_read_in_place():
    table, rows_ = floats(100, 8), variable(Spec((20,), int64))
    taken = make("gather", table, rows_)
    assert len(planned([table, rows_], [make("sum", taken * taken, axes=(1,))]).block.items) == 1


def test_what_is_padded_behind_a_reshape_lies_in_memory():
    """Else each element of the padded copy would look for its row anew."""
    table, rows_ = floats(100, 81), variable(Spec((2,), int64))
    images = reshape(make("gather", table, rows_), (2, 9, 9, 1))
    w = floats(3, 3, 1, 16)
    (first, *_) = after("lower", [table, rows_, w], [convolution(images, w, 1, 1)]).items
    assert [axis.size for axis in first.axes] == [2, 81]


def test_parts_of_a_concatenation_are_written_in_place():
    x, y = floats(5, 3), floats(5, 4)
    program = planned([x, y], [make("exp", make("concat", make("sin", x), make("cos", y), axis=1))])
    stores = [store for kernel in kernels(program) for store in kernel.stores]
    assert len({store.place.buffer for store in stores}) <= 2


def normalized(x, mean, scale):
    return (x - broadcast_to(mean, x.shape)) * broadcast_to(scale, x.shape)


@pytest.mark.parametrize(("arrays", "kept"), [(1, 0), (2, 1)])
def test_little_work_on_one_array_is_done_again_instead_of_kept(arrays, kept):
    """Kept, it would be written once and read twice; from two arrays, one is read instead."""
    x, y, mean, scale = floats(64, 512), floats(64, 512), floats(512), floats(512)
    value = normalized(x, mean, scale)
    value = normalized(y if arrays == 2 else value, mean, scale) * value
    value = make("maximum", value, constant(0, float32, value.shape))
    totals = [make("sum", value, axes=(axis,)) for axis in (0, 1)]
    block = after("fuse", [x, y, mean, scale], totals)
    assert len(block.items) == 2
    assert [buffer.shape for buffer in block.temporaries] == kept * [x.shape]


# ---- hoist ----


def recurrence(w, h, length):
    """h = tanh(w.T @ h), `length` times."""
    inside, carried = floats(*w.shape), floats(*h.shape)
    turned = permute(inside, (1, 0)) * 2.0
    body = Graph([inside, carried], [make("tanh", matmul(turned, carried))])
    return pick(
        make("scan", w, h, body=body, constants=1, carried=1, length=length, reverse=False), 0
    )


def test_what_no_turn_changes_is_done_before_the_loop():
    w, h = floats(32, 32), floats(32, 32)
    block = after("hoist", [w, h], [recurrence(w, h, 6)])
    (loop,) = [item for item in block.items if isinstance(item, Loop)]
    assert not any(place.buffer.name == "x0" for k in loop.body.items for place in k.reads())
    assert len(after("lower", [w, h], [recurrence(w, h, 6)]).items) < len(block.items)


# ---- fuse ----


@pytest.mark.parametrize("function", [softmax, log_softmax], ids=lambda function: function.__name__)
def test_a_row_program_is_one_kernel(function):
    x = floats(64, 10)
    assert len(after("fuse", [x], [function(x)]).items) == 1


def test_layer_norm_is_one_kernel():
    x, scale, shift = floats(64, 32), floats(32), floats(32)
    centred = x - rows(make("sum", x, axes=(1,)) / 32.0, x.shape)
    variance = make("sum", centred * centred, axes=(1,)) / 32.0
    normal = centred / rows(make("sqrt", variance + 1e-5), x.shape)
    result = normal * broadcast_to(scale, x.shape) + broadcast_to(shift, x.shape)
    assert len(after("fuse", [x, scale, shift], [result]).items) == 1


def test_values_shared_by_outputs_are_computed_once():
    x = floats(64, 10)
    e = make("exp", make("sin", x))
    (kernel,) = after("fuse", [x], [e + 1.0, e * 2.0, make("sum", e, axes=(1,))]).items
    assert sum(expr.op == "exp" for expr in kernel.expressions()) == 1


def test_bias_and_activation_join_the_matrix_product():
    x, w, b = floats(64, 32), floats(32, 40), floats(40)
    h = matmul(x, w) + broadcast_to(b, (64, 40))
    (kernel,) = after("fuse", [x, w, b], [make("tanh", h)]).items
    assert kernel.hero is not None and len(kernel.stores) == 1


def test_what_nobody_reads_is_not_stored():
    x = floats(64, 10)
    middle = make("exp", make("sum", make("exp", x), axes=(1,)))
    program = planned([x], [middle + middle * middle])
    assert [store.place.buffer.kind for k in kernels(program) for store in k.stores] == ["output"]


def test_large_kernels_keep_their_independent_points():
    """The sum of everything is one unit of work; the exponentials are many, and stay so."""
    x = floats(300, 300)
    e = make("exp", x)
    assert len(after("fuse", [x], [e, make("sum", e, axes=(0, 1))]).items) == 2


def test_what_is_dear_is_kept_for_the_next_loop_over_the_row():
    """The exponentials of a softmax are stored once and read back; a difference is taken again."""
    x = floats(64, 100)
    (kernel,) = after("fuse", [x], [softmax(x)]).items
    kept = [store.value.op for store in kernel.stores if store.place.buffer.kind == "temporary"]
    assert kept == ["exp"]


def test_what_must_come_later_is_not_joined():
    """A checkpoint computes again after the forward pass, not beside it."""
    x = floats(64, 10)
    y = make("exp", x)
    later = make("exp", make("after", x, y, serial=unique()) * 2.0)
    assert len(after("fuse", [x], [y, later]).items) == 2


def test_long_chains_are_cut():
    """Inlining recurses; the cut bounds its depth, and kernels stay of a size that compiles."""
    x = y = floats(4)
    for n in range(3000):
        y = make("sin", y + float(n % 7))
    assert 10 < len(kernels(planned([x], [y]))) < 300


# ---- collapse ----


def test_neighbouring_axes_become_one_loop():
    x, y = floats(4, 5, 6), floats(4, 5, 6)
    (kernel,) = after("collapse", [x, y], [x * y]).items
    assert [axis.size for axis in kernel.axes] == [120]


def test_collapse_keeps_reduced_and_free_axes_apart():
    x = floats(4, 5, 6, 7)
    (kernel,) = after("collapse", [x], [make("sum", x, axes=(2, 3))]).items
    assert [axis.size for axis in kernel.axes] == [20, 42]
    assert [axis.size for axis in kernel.inner] == [42]


def test_the_place_of_a_maximum_is_not_collapsed():
    x = floats(4, 5, 6)
    (kernel,) = after("collapse", [x], [make("argmax", x, axis=1)]).items
    assert [axis.size for axis in kernel.inner] == [5]


# ---- schedule ----


def step():
    case = training_step(64, (100, 64, 10))
    return case, planned(case.parameters, case.outputs, case.updates)


def test_adam_updates_in_place_without_copies():
    case, program = step()
    states = {number: slot for number, slot in enumerate(program.slots) if slot.kind == "state"}
    assert set(states) == set(case.updates)
    writers = [k for k in kernels(program) if any(s.place.buffer.kind == "state" for s in k.stores)]
    for kernel in writers:
        for store in kernel.stores:
            copied = store.value.op == "load" and store.place.buffer.kind == "state"
            assert not copied, "a copy"
    assert len({s.place.buffer for k in writers for s in k.stores}) == len(states)


def test_weight_updates_are_fused_into_the_weight_gradients():
    """No gradient of a matrix is ever stored: its kernel writes weight and both moments."""
    case, program = step()
    matrices = {slot for slot in program.slots if slot.kind == "state" and len(slot.shape) == 2}
    for kernel in kernels(program):
        written = {store.place.buffer for store in kernel.stores}
        if written & matrices:
            assert kernel.hero is not None and len(written & matrices) == 3
    shapes = [buffer.shape for buffer in program.block.temporaries]
    assert (100, 64) not in shapes


def test_a_training_step_has_few_kernels():
    """Forward 2 and 3 for the rows of the loss, backward 1 and 2, biases 2, a transposed weight."""
    _, program = step()
    assert len(kernels(program)) <= 11


@pytest.mark.parametrize("name", ["exchange", "cycle", "flip", "old value", "same"])
def test_updates_that_read_what_others_replace(name):
    a, b, x = parameters = [floats(7, 33) for _ in range(3)]
    outputs, updates = {
        "exchange": ([], {0: b * 2.0, 1: a * 3.0}),
        "cycle": ([], {0: b + x, 1: a * b, 2: a - b}),
        "flip": ([], {0: make("flip", a, axes=(1,)), 1: make("flip", b, axes=(0,)) + a}),
        "old value": ([a * a, a], {0: a * 2.0 + x}),
        "same": ([x * 2.0], {0: x * 2.0, 1: x * 2.0}),
    }[name]
    arrays = [np.random.default_rng(n).normal(size=(7, 33)).astype(np.float32) for n in range(3)]
    wanted = interpreted(parameters, arrays, outputs, updates)
    with parallel():
        compiled = Compiled(parameters, outputs, updates)
    for threads in (1, 2, 3):
        found = compiled(arrays, threads)
        for number, array in wanted.updates.items():
            np.testing.assert_array_equal(found.updates[number], array)
        for result, array in zip(found.outputs, wanted.outputs, strict=True):
            np.testing.assert_array_equal(result, array)


ADDED = ["alone", "old value", "old and new", "own rows", "another's", "twice", "result"]


@pytest.mark.parametrize("name", ADDED)
def test_state_that_rows_are_added_to(name):
    a, b, x = floats(7, 33), floats(7, 33), floats(5, 33)
    rows_ = variable(Spec((5,), int64))
    added = make("scatter_add", a, rows_, x)
    outputs, updates = {
        "alone": ([], {0: added}),
        "old value": ([a * 2.0], {0: added}),
        "old and new": ([added * a], {0: added}),
        "own rows": ([], {0: make("scatter_add", a, rows_, make("gather", a, rows_))}),
        "another's": ([], {0: make("scatter_add", b, rows_, x), 1: a}),
        "twice": ([], {0: make("scatter_add", added, rows_, x * 3.0)}),
        "result": ([added], {0: added}),
    }[name]
    parameters = [a, b, x, rows_]
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=p.shape).astype(np.float32) for p in parameters[:3]]
    arrays.append(np.array([3, 0, 3, 6, 3]))
    wanted = interpreted(parameters, arrays, outputs, updates)
    with parallel():
        compiled = Compiled(parameters, outputs, updates)
    for threads in (1, 2):
        found = compiled(arrays, threads)
        for number, array in wanted.updates.items():
            np.testing.assert_array_equal(found.updates[number], array)
        for result, array in zip(found.outputs, wanted.outputs, strict=True):
            np.testing.assert_array_equal(result, array)
    if name == "alone":
        (kernel,) = kernels(planned(parameters, outputs, updates))
        assert kernel.special.operands[0] == kernel.special.results[0]


def test_threads_meet_only_where_data_passes():
    x, w = floats(300, 300), floats(300, 300)
    with parallel():
        apart = planned([x, w], [make("sum", x, axes=(1,)), make("sum", w, axes=(1,))])
        chained = planned([x, w], [matmul(matmul(x, w), w)])
    assert not any(isinstance(item, Barrier) for item in apart.block.items)
    assert sum(isinstance(item, Barrier) for item in chained.block.items) == 1


def test_small_programs_run_on_one_thread():
    x = floats(4)
    assert planned([x], [x + 1.0]).block.serial
    assert not planned([y := floats(2000, 2000)], [make("exp", y)]).block.serial


# ---- memory ----


def chain(length):
    """Values that are needed one after the other only: matrix products do not fuse."""
    x, w = floats(64, 64), floats(64, 64)
    y = x
    for _ in range(length):
        y = matmul(y, w)
    return [x, w], [y]


def test_memory_is_used_again():
    program = planned(*chain(10))
    assert sum(buffer.nbytes for buffer in program.block.temporaries) == 9 * 64 * 64 * 4
    assert program.arena_bytes <= 2 * 64 * 64 * 4 + 256


def test_threads_do_not_overwrite_what_others_still_read():
    with parallel():
        program = planned(*chain(10))
    assert program.arena_bytes <= 3 * 64 * 64 * 4 + 256


# ---- emission ----


def test_identical_kernels_are_compiled_once():
    x, weights = floats(64, 64), [floats(64, 64) for _ in range(5)]
    y = x
    for w in weights:
        y = make("tanh", matmul(y, w))
    program = planned([x, *weights], [y])
    text = emit_program(program, llvm.host())
    assert len(kernels(program)) == 5
    assert len(re.findall(r"^define .*@kernel\d+\(", text, re.MULTILINE)) == 1
