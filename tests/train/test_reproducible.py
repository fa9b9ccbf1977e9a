"""The same seed gives the same bits, for any number of threads and in any process."""

import os
import subprocess
import sys

import pytest

# Layers wide enough that the work is shared out.
CODE = """
import hashlib, sys
import numpy as np
from chainrule import train
from chainrule.data import read
run = train.fit("digits", epochs=2, hidden=(512, 256), batch_size=256, seed=3)
digest = hashlib.sha256()
for name, array in sorted(run.model.state_dict().items()):
    digest.update(name.encode() + array.tobytes())
digest.update(run.predict(read("digits")).probabilities.tobytes())
digest.update(repr([epoch["validation_loss"] for epoch in run.record["history"]]).encode())
print(digest.hexdigest())
"""


def digest(threads):
    environment = {**os.environ, "CHAINRULE_THREADS": str(threads)}
    command = [sys.executable, "-c", CODE]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.fixture(scope="module")
def with_one_thread():
    return digest(1)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_bits_do_not_depend_on_threads(with_one_thread, threads):
    assert digest(threads) == with_one_thread
