"""The README is true: its programs run, and its commands print what it shows, numbers aside."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
PROGRAMS = [text for kind, text in BLOCKS if kind == "python"]
SESSIONS = [text for kind, text in BLOCKS if kind == "console"]


def shape(text):
    """Text without its figures, units of time and the width of its blanks: other processors round
    otherwise, and are faster or slower.
    """
    text = re.sub(r"# (us|ms|s)\b", "# s", re.sub(r"\d[\d,.]*", "#", text))
    return re.sub(r"\s+", " ", text).strip()


def in_order(expected, printed):
    """Whether all expected lines come in the printed ones, one after the other."""
    following = iter([shape(line) for line in printed])
    missing = [line for line in expected if line != "..." and shape(line) not in following]
    return not missing, missing


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_runs(program, tmp_path):
    command = [sys.executable, "-W", "error", "-c", program]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_first_program_learns(tmp_path):
    command = [sys.executable, "-c", PROGRAMS[0]]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert float(run.stdout.removeprefix("loss ")) < 0.05


@pytest.mark.parametrize("session", SESSIONS)
def test_commands_print_what_is_shown(session, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for part in session.split("$ ")[1:]:
        command, *expected = part.splitlines()
        run = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert (run.returncode, run.stderr) == (0, ""), command
        ok, missing = in_order(expected, run.stdout.splitlines())
        assert ok, f"{command} does not print {missing}"


def test_make_targets_exist():
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README.read_text(encoding="utf-8"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
