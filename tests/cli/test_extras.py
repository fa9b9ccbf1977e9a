"""Packages that are not installed: one line that says which, and what to run."""

import subprocess
import sys
from pathlib import Path

import pytest

# The command, where these packages cannot be found.
CODE = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, *rest):
        return None if name.partition(".")[0] in MISSING else super().find_spec(name, *rest)

MISSING, sys.argv = {missing!r}, ["chainrule", *{words!r}]
sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from chainrule import cli
cli.main()
"""
FIT = ["fit", "good.csv", "--epochs", "1"]
CASES = [
    (["matplotlib"], FIT, "'chainrule[all]'"),
    (["polars"], FIT, "'chainrule[all]'"),
    (["rich"], FIT, "'chainrule[all]'"),
    (["scipy"], FIT, "'chainrule[all]'"),
    (["sklearn"], FIT, "'chainrule[all]'"),
    (["threadpoolctl"], FIT, "'chainrule[all]'"),
    (["typer"], ["--help"], "'chainrule[all]'"),
    (["typer", "polars"], ["--version"], "polars, typer"),
    (["optuna"], ["search", "good.csv", "--trials", "2"], "'chainrule[search]'"),
    (["PIL"], ["fit", "pictures"], "'chainrule[images]'"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text("a,y\n" + "".join(f"{n},{'pq'[n % 2]}\n" for n in range(30)))
    for label in "pq":
        Path("pictures", label).mkdir(parents=True)
        for number in range(6):
            Path("pictures", label, f"{number}.png").write_bytes(b"no image")
    return tmp_path


@pytest.mark.parametrize(("missing", "words", "says"), CASES)
def test_a_missing_package_is_one_line(folder, missing, words, says):
    before = sorted(folder.rglob("*"))
    code = CODE.format(missing=missing, words=words)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("[") and result.stderr.count("\n") == 1, result.stderr
    assert "pip install" in result.stderr and says in result.stderr
    assert sorted(folder.rglob("*")) == before


def test_boosters_that_are_missing_are_left_out_of_a_comparison(folder):
    words = ["compare", "good.csv", "--model", "XGBoost", "--model", "majority class"]
    code = CODE.format(missing=["xgboost"], words=[*words, "--folds", "2", "--epochs", "1"])
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    told = result.stdout + result.stderr
    assert "pip install xgboost" in told and "Traceback" not in told
