"""The benchmark of the trainer runs; no time is asserted."""

import json

from typer.testing import CliRunner

from chainrule.bench import training
from chainrule.bench.workloads import WORKLOADS, Workload
from chainrule.cli.app import app


def test_the_trainer_beside_a_loop_by_hand(tmp_path, monkeypatch):
    def small(title, width):
        return Workload(title, title, "epoch", "mlp", (64, 3), {"widths": (3, 4, width)}, 16)

    monkeypatch.setattr(training, "DIGITS", small("classes", 10))
    monkeypatch.setitem(WORKLOADS, "epoch", small("truth", 1))
    path = tmp_path / "trainer.json"
    words = ["bench", "trainer", "--rounds", "2", "--json", str(path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    found = json.loads(path.read_text())["trainer"]
    assert [row["title"] for row in found] == ["classes", "truth"]
    assert all(row["by_hand"] != 0 and row["trainer"] != 0 for row in found)
    assert "truth" in result.stdout
