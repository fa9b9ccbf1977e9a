"""A trainer on arrays needs no package beside numpy and llvmlite."""

import subprocess
import sys
from pathlib import Path


def test_training_without_extras(tmp_path):
    command = [sys.executable, "-W", "error", Path(__file__).with_name("bare.py"), tmp_path / "run"]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    *_, trained, missing = found.stdout.splitlines()
    assert trained == "True (64, 2)"
    assert missing == (
        "[polars] the package is not installed; it comes with the extra 'fit'; "
        "pip install 'chainrule[fit]'"
    )
