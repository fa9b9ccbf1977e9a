"""No kernel touches memory outside of its arrays, not even in lanes that do not count."""

import subprocess
import sys
from pathlib import Path

import pytest
from compiler import guarded


@pytest.mark.skipif(sys.platform == "win32", reason="Windows protects pages by other calls")
def test_nothing_outside_of_arrays_is_touched():
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-m", guarded.__name__, "3000", "3060"]
    run = subprocess.run(command, cwd=tests, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "sound\n"), run.stderr
