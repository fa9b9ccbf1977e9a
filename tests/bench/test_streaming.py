"""The benchmark of streaming, on a small file."""

import json

from typer.testing import CliRunner

from chainrule.bench.streaming import SPANS
from chainrule.cli.app import app


def test_streaming_tells_memory_waits_and_that_every_row_came_once(tmp_path):
    path = tmp_path / "streaming.json"
    words = ["bench", "streaming", "--gigabytes", "0.02", "--json", str(path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads(path.read_text())["streaming"]
    assert found["once"] and found["rows"] == 20_000_000 // 478
    assert 0.9 < found["file"] / 20e6 < 1.1
    assert 3 <= len(found["waits"]) <= SPANS and 0 <= found["waited"] <= found["seconds"]
    assert found["memory"] > 0
    assert "every row once" in result.stdout
