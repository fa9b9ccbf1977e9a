"""What is told of measured times: ratios, shares, files; workloads and peers by name."""

import json

import pytest

from chainrule.bench import (
    WORKLOADS,
    Entry,
    Limit,
    Plan,
    Report,
    Result,
    chosen,
    find_peers,
    geometric_mean,
    spread,
    write_limits,
)
from chainrule.errors import ArgumentError
from chainrule.inspection.limits import Rate

FACTS = {"flops": 600, "peak_flops": 1000.0, "least_seconds": 0.3, "call": 5.0, "first": 6.0}


def entry(name, times, **fields):
    return Entry(name, "1.0", times=times, facts=dict(FACTS), **fields)


@pytest.fixture
def result():
    ours = entry("chainrule", [1.0, 2.0, 1.0], busy=[3.0, 3.0, 4.0])
    fast, slow = entry("torch", [3.0, 4.0, 9.0]), entry("jax", [5.0, 2.0, 5.0])
    return Result(WORKLOADS["xor"], [ours, fast, slow, Entry("absent", error="it is not here")])


def test_ratios_are_taken_round_by_round(result):
    # The fastest of each round took 3, 2 and 5.
    assert result.speedup == (3.0, 2.0, 4.0)
    assert result.best_peer.contender == "torch"
    assert result.slowdown == 3.0


def test_shares_are_of_our_own_work(result):
    assert result.share_of_peak(result.ours) == pytest.approx(0.6)
    assert result.share_of_peak(result.entries[1]) == pytest.approx(0.15)
    assert result.share_of_roofline == pytest.approx(0.3)
    assert result.ours.compilation == 4.0


def test_without_peers_there_is_no_ratio():
    alone = Result(WORKLOADS["xor"], [entry("chainrule", [1.0])])
    assert alone.speedup is alone.best_peer is alone.slowdown is geometric_mean([alone]) is None


def test_geometric_mean(result):
    other = Result(WORKLOADS["lenet"], [entry("chainrule", [1.0]), entry("jax", [12.0])])
    assert geometric_mean([result, other]) == pytest.approx(6.0)


def test_spread():
    assert spread([4.0]) == (4.0, 4.0, 4.0)
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == (3.0, 2.0, 4.0)


def test_files(result, tmp_path):
    report = Report(Plan(rounds=3), [result])
    report.write(tmp_path / "report.json")
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["plan"]["rounds"] == 3
    assert {"processor", "threads", "system", "python", "chainrule"} <= record["machine"].keys()
    (workload,) = record["workloads"]
    assert workload["best_peer"] == "torch" and workload["speedup"]["median"] == 3.0
    ours, *_, absent = workload["entries"]
    assert ours["seconds"] == {"median": 1.0, "low": 1.0, "high": 1.5}
    assert absent["error"] == "it is not here" and "seconds" not in absent
    assert record["geometric_means"] == {"small": pytest.approx(3.0)}
    report.draw(tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_limits_as_json(tmp_path):
    write_limits([Limit("float32", 1, "GFLOP/s", Rate(4.0, 3.0, 2.0, 3.5))], tmp_path / "limits")
    (row,) = json.loads((tmp_path / "limits").read_text())["limits"]
    assert row["name"] == "float32" and row["rate"]["best"] == 4.0


def test_workloads_are_chosen_by_name_and_group():
    small = [workload.name for workload in chosen(["small"])]
    assert small == ["xor", "mlp-64", "mlp-512", "lenet", "resnet20", "lstm", "gpt"]
    assert len(chosen(["small", "xor", "large"])) == len(small) + 6
    assert len(chosen(["all"])) == len(WORKLOADS) == 26
    assert all(workload.shape[0] == 1 for workload in chosen(["inference"]))
    with pytest.raises(ArgumentError, match=r"there is no workload 'bert'; there are xor, .*"):
        chosen(["bert"])


def test_peers_are_chosen_by_name():
    assert find_peers([]) == []
    with pytest.raises(ArgumentError, match=r"there is no peer 'caffe'; there are torch, "):
        find_peers(["caffe"])


def test_data_are_the_same_for_all():
    for workload in WORKLOADS.values():
        (x, y), (same, _) = workload.data(), workload.data()
        assert x.shape == workload.shape and (x == same).all() and len(y) == len(x)
    order = WORKLOADS["epoch"].order()
    assert order.shape == (625, 32) and len(set(order.ravel())) == 20_000
