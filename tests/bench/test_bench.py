"""`chainrule bench` from end to end on the smallest workloads; no time is asserted."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chainrule import bench, compiler
from chainrule.bench import contenders, processors, rounds
from chainrule.bench.contenders import OURS, Broken, Process
from chainrule.bench.ours import Session
from chainrule.bench.workloads import WORKLOADS
from chainrule.cli.app import app
from chainrule.dtypes import float32
from chainrule.inspection import limits
from chainrule.runtime.cache import Cache

QUICK = ("--rounds", "1", "--seconds", "0", "--patience", "0", "--peers", "none")


def run(*words):
    result = CliRunner().invoke(app, ["bench", *words])
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    assert "\x1b" not in result.stdout
    return result.stdout.splitlines()


@pytest.fixture
def quick_limits(tmp_path, monkeypatch):
    """Limits of a small machine, measured once each, with an empty cache on disk."""
    small = (limits.Level("L1", 1 << 13, False), limits.Level("memory", 1 << 16, True))
    monkeypatch.setattr(limits, "levels", lambda: small)
    monkeypatch.setattr("chainrule.bench.report.levels", lambda: small)
    for name, value in (("RUNS", 1), ("PATIENCE", 0.0), ("MOVED", 1 << 14)):
        monkeypatch.setattr(limits, name, value)
    cache = Cache(tmp_path / "cache")
    monkeypatch.setattr(compiler, "_cache", lambda: cache)
    forget()
    yield
    forget()


def forget():
    limits.peak.cache_clear()
    limits.bandwidth.cache_clear()


def test_the_command(quick_limits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = run("xor", "mlp-1", "--busy", "--json", "out.json", "--plot", "out.png", *QUICK)
    assert "XOR MLP 2-8-1, batch 4" in lines
    start = lines.index("MLP 784-256-128-10, inference")
    header, row = lines[start + 1 : start + 3]
    columns = ["step", "quartiles", "first", "compiling", "memory", "of", "peak", "setting"]
    assert header.split() == columns and row.split()[0] == "chainrule"
    assert len(header.rstrip()) == len(header) == len(row)
    assert any(line.startswith("  beside busy neighbours ") for line in lines)
    for found in json.loads((tmp_path / "out.json").read_text())["workloads"]:
        assert found["best_peer"] is found["speedup"] is None
        assert found["share_of_peak"] > 0 and found["share_of_roofline"] > 0
        (entry,) = found["entries"]
        assert len(entry["times"]) == len(entry["others"]) == len(entry["busy"]) == 1
        wanted = {"import", "first", "cached", "call", "memory", "overhead", "kernels", "flops"}
        wanted |= {
            "used_bytes",
            "bytes",
            "least_seconds",
            "peak_flops",
            "planned_bytes",
            "threads",
            "results",
        }
        assert wanted <= entry["facts"].keys()
    assert (tmp_path / "out.png").stat().st_size


def test_what_is_measured_is_said_before_it_is(monkeypatch):
    """One that is ended has said where it was."""

    def ended(*_):
        raise Broken("bench", "chainrule ended", "killed")

    monkeypatch.setattr(bench, "measure", ended)
    result = CliRunner().invoke(app, ["bench", "vit", *QUICK])
    assert result.exit_code == 2 and result.stderr == "[bench] chainrule ended; killed\n"
    assert result.stdout.splitlines()[-1] == "ViT-tiny, 64x64x3, batch 16"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is not told")
def test_a_step_needs_the_memory_that_was_planned(tmp_path):
    workload = WORKLOADS["mlp-large"]
    with Process(OURS, {}, tmp_path) as process:
        start = {
            "workload": workload.name,
            "precision": "float32",
            "module": OURS.module,
            "setting": {},
        }
        process.ask("start", **start, weights=str(tmp_path / "weights.npz"), writes=True)
        used = process.ask("facts")["used_bytes"]
    session = Session(workload, {}, None)
    planned = session.step.plan(*session.arguments).peak_bytes
    assert 0.95 * used < planned < 1.05 * used


def test_limits_of_the_machine(quick_limits, tmp_path):
    lines = run("machine", "--json", str(tmp_path / "limits.json"))
    names = {" ".join(line.split()[:2]) for line in lines}
    assert {"float32 1", "float64 1", "L1 read", "L1 write", "L1 copy", "memory copy"} <= names
    for limit in json.loads((tmp_path / "limits.json").read_text())["limits"]:
        rate = limit["rate"]
        assert rate["best"] >= rate["high"] >= rate["median"] >= rate["low"] > 0


def test_limits_are_kept_on_disk(quick_limits, monkeypatch):
    level = limits.levels()[0]
    found = limits.peak(float32, 1), limits.bandwidth(level, "copy", 1)
    forget()
    monkeypatch.setattr(limits, "_rate", None)  # Measuring again would fail.
    assert (limits.peak(float32, 1), limits.bandwidth(level, "copy", 1)) == found
    with pytest.raises(TypeError):
        limits.peak(float32, 1, anew=True)


def test_a_peer_that_fails_is_told_of(quick_limits):
    broken = contenders.Contender("broken", "chainrule.bench.none", (), lambda workload: [{}])
    ours, other = rounds.measure(bench.WORKLOADS["xor"], [broken], bench.Plan(1, 0.0, 0.0))
    assert ours.times and not other.times
    assert other.error.startswith("[bench] broken ended; ModuleNotFoundError: No module named ")
    assert bench.Result(bench.WORKLOADS["xor"], [ours, other]).peers == []


def test_other_results_are_noticed():
    ours, same, other = (bench.Entry("", facts={"results": [2.0, x]}) for x in (1.0, 1.001, 1.1))
    assert rounds._agree(same, ours) and not rounds._agree(other, ours)


def test_the_settings_of_peers():
    images, words = bench.WORKLOADS["lenet"], bench.WORKLOADS["gpt"]
    eager = contenders.PEERS["torch"].settings
    assert {setting["channels_last"] for setting in eager(images)} == {False, True}
    assert {setting["channels_last"] for setting in eager(words)} == {False}
    assert any("unroll" in s for s in contenders.PEERS["jax"].settings(bench.WORKLOADS["lstm"]))


def test_what_others_use(monkeypatch):
    monkeypatch.setattr(processors, "busy_seconds", iter((10.0, 1e9, 5.0)).__next__)
    watch = processors.Watch()
    assert watch.others() == 1.0 and watch.others() == 0.0
    monkeypatch.setattr(processors, "busy_seconds", lambda: None)
    assert processors.Watch().others() == 0.0


def test_quiet_rounds_count(monkeypatch):
    shares = iter([0.5, 0.0, 0.6, 0.05, 0.0, 0.7, 0.8, 0.9])
    samples = ([rounds.Sample(float(n), 0.0, share)] for n, share in enumerate(shares))
    monkeypatch.setattr(rounds, "_round", lambda *arguments: next(samples))

    def times(count, attempts):
        return [sample.median for (sample,) in rounds._rounds([None], count, 0.1, 0.0, attempts)]

    assert times(2, 3) == [1.0, 3.0]
    assert times(1, 1) == [4.0]
    assert times(1, 3) == [5.0]  # None of three was quiet.
