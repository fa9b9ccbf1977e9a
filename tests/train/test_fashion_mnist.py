"""The examples run, in their short version, and learn; both are as short as they claim."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("name", ["fashion_mnist_loop.py", "fashion_mnist_trainer.py"])
def test_example_learns(name):
    command = [sys.executable, "-W", "error", EXAMPLES / name, "--short"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    (accuracy,) = re.findall(r"^test accuracy (\S+) after \d+ s$", run.stdout, re.MULTILINE)
    assert float(accuracy) > 0.9
    assert len((EXAMPLES / name).read_text().splitlines()) < 60
