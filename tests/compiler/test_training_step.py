"""A whole training step: right, the same on any number of threads, the same when repeated."""

import numpy as np
import pytest
from compiler.networks import training_step
from compiler.noise import Spread
from compiler.programs import Compiled, interpreted, parallel, same_bits


def flat(result):
    return [*result.outputs, *[result.updates[number] for number in sorted(result.updates)]]


@pytest.mark.parametrize("batch, sizes", [(64, (50, 40, 10)), (1, (7, 5, 3)), (33, (64, 17, 1))])
def test_training_step(batch, sizes):
    case = training_step(batch, sizes)
    spread = Spread(lambda: flat(interpreted(*case)))
    with parallel():
        compiled = Compiled(case.parameters, case.outputs, case.updates)
    results = [flat(compiled(case.arrays, threads)) for threads in (1, 2, 3, 4)]
    assert spread.problems(results[0]) == []
    assert all(same_bits(results[0], other) for other in results[1:])


def interpreted_steps(case, count):
    """The losses of so many steps."""
    arrays, losses = list(case.arrays), []
    for _ in range(count):
        result = interpreted(case.parameters, arrays, case.outputs, case.updates)
        losses.append(float(result.outputs[0]))
        for number, array in result.updates.items():
            arrays[number] = array
    return losses


def test_forty_steps():
    """State stays in place from step to step; one thread and two take the same way."""
    case = training_step(32, (20, 30, 5))
    with parallel():
        compiled = Compiled(case.parameters, case.outputs, case.updates)
    ways = []
    for threads in (1, 2):
        states = compiled.states(case.arrays)
        losses = [compiled(case.arrays, threads, states).outputs[0] for _ in range(40)]
        ways.append([np.array(losses), *[state.content for state in states.values()]])
    assert same_bits(*ways)
    wanted = interpreted_steps(case, 40)
    np.testing.assert_allclose(ways[0][0], wanted, rtol=1e-4)  # float32, errors of 40 steps


def test_nothing_is_left_in_the_arena():
    """A run does not depend on what an earlier run left behind."""
    case = training_step(16, (20, 30, 5))
    compiled = Compiled(case.parameters, case.outputs, case.updates)
    first = flat(compiled(case.arrays))
    compiled.executable._arena.fill(255)
    assert same_bits(first, flat(compiled(case.arrays)))
