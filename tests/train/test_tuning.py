"""Searches: in the notes' order, without the test part, the same after any crash, and honest."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from chainrule import train
from chainrule.advisor import Recipe
from chainrule.data import prepare, read, split
from chainrule.data.split import bins
from chainrule.errors import ArgumentError, DataError, TrainingError
from chainrule.train.tuning import ground, sampling, searching, space
from chainrule.train.tuning.journal import DONE, FAILED, PRUNED, Journal, Trial

optuna = pytest.importorskip("optuna")
QUICK = {"epochs": 3, "parts": 2, "members": 1, "hidden": (4,)}


def bowl(moved):
    """A loss of the changes, least for a rate of 0.02, batches of 64 and dropout 0.4."""
    rate, batch = moved.get("learning_rate", 0.002), moved.get("batch_size", 16)
    dropout = moved.get("dropout", 0.2)
    return 1 + math.log10(rate / 0.02) ** 2 + math.log2(batch / 64) ** 2 / 4 + (dropout - 0.4) ** 2


@pytest.fixture
def made_up(monkeypatch):
    """A loss that takes no time, and no training at the end."""
    seen = []

    def loss(self, problem, moved, watcher):
        seen.append(dict(moved))
        return bowl(moved)

    monkeypatch.setattr(ground.Ground, "loss", loss)
    monkeypatch.setattr(searching, "_trained", lambda found, *rest: found)
    return seen


def losses(found):
    return [(t.stage, dict(t.point), t.state, t.loss) for t in found.trials]


def lines(folder):
    return (folder / "trials.jsonl").read_text().splitlines()


# ---- The order, and what is found ----


def test_stages_come_in_the_order_of_what_matters(made_up):
    """F-062, G-007: learning rate, batch size, structure, regularisation, optimizer."""
    found = train.tune("iris", trials=40)
    assert list(dict.fromkeys(t.stage for t in found.trials)) == [
        "default",
        "learning rate",
        "batch size",
        "shape",
        "regularisation",
        "optimizer",
        "all together",
    ]
    stages = {stage.name: stage.parameters for stage in space.STAGES}
    best = found.trials[0]
    for trial in found.trials[1:]:
        moved = {name for name in trial.point if trial.point[name] != best.point[name]}
        assert moved
        assert moved <= set(stages.get(trial.stage, trial.point)), trial.stage
        best = min(best, trial, key=lambda t: math.inf if t.loss is None else t.loss)


def test_a_search_finds_what_is_better(made_up):
    found = train.tune("breast-cancer", trials=40, seed=1)
    assert found.trials[0].loss == bowl({}) == pytest.approx(1 + 1 + 1 + 0.04)
    assert found.best.loss < 1.15
    assert found.taken["batch_size"] in (32, 64)
    assert 0.007 < found.taken["learning_rate"] < 0.06
    assert found.gain.value == pytest.approx(found.trials[0].loss - found.best.loss)
    shares = found.importances
    assert sum(shares.values()) == pytest.approx(1)
    assert {"rate", "batch_size"} == set(list(shares)[:2])


def test_no_point_is_tried_twice(made_up):
    found = train.tune("iris", trials=30)
    points = [json.dumps(trial.point, sort_keys=True) for trial in found.trials]
    assert len(set(points)) == 30


def test_what_is_asked_for_stays(made_up):
    found = train.tune("iris", trials=20, learning_rate=0.01, hidden=(16,))
    for trial in found.trials:
        assert not {"rate", "layers", "width", "taper"} & trial.point.keys()
        assert not {"learning_rate", "hidden"} & trial.changes.keys()
    assert "learning rate" not in {trial.stage for trial in found.trials}


def test_the_default_is_a_point_of_the_space():
    problem = prepare(read("wine"))
    for wanted in ({}, {"hidden": (48,)}, {"optimizer": "RMSProp", "activation": "mish"}):
        recipe = train.tables.fitting.choose(problem, **wanted)
        values = space.space(recipe, 107)
        start = space.origin(recipe, values)
        assert space.changes(problem, wanted, start, start) == {}
        for name, kind in values.items():
            low_to_high = isinstance(kind, space.Numbers)
            assert (
                kind.low <= start[name] <= kind.high if low_to_high else start[name] in kind.values
            )


def test_rates_and_decays_are_factors_of_what_suits_the_optimizer():
    problem = prepare(read("wine"))
    recipe = train.tables.fitting.choose(problem)
    start = space.origin(recipe, space.space(recipe, 107))
    for optimizer in ("SGD", "Lion"):
        usual = train.tables.fitting.choose(problem, optimizer=optimizer)
        point = {**start, "optimizer": optimizer, "rate": 3.0, "decay": 0.5}
        moved = space.changes(problem, {}, point, start)
        assert moved["learning_rate"] == pytest.approx(3 * usual.learning_rate)
        assert moved["weight_decay"] == pytest.approx(usual.weight_decay / 2)
    shaped = {**start, "layers": 3, "width": 64, "taper": 0.5}
    assert space.changes(problem, {}, shaped, start)["hidden"] == (64, 32, 16)


# ---- Rows ----


def test_rows_of_the_test_have_no_say(monkeypatch):
    table = read("diabetes")
    rows = split(bins(table.frame["target"].to_numpy()), 0)["test"]
    secret = set(table.frame["target"].to_numpy()[rows].tolist())
    common = set(np.delete(table.frame["target"].to_numpy(), rows).tolist())
    seen = set()

    def spied(self, problem, moved, watcher):
        for part in problem.parts.values():
            seen.update(part.values.tolist())
        return 1 - 0.1 * len(moved)

    monkeypatch.setattr(ground.Ground, "loss", spied)
    monkeypatch.setattr(searching, "_trained", lambda found, *rest: found)
    for parts in (1, 3):
        train.tune("diabetes", trials=3, parts=parts)
    assert secret - common
    assert seen == common


def test_one_part_is_that_of_fit():
    """The default trial is the training of `fit` where all members leave the validation part out,
    as it is judged by: its best validation accuracy is the trial's.
    """
    found = train.tune("wine", trials=1, parts=1, epochs=5, metric="accuracy")
    run = train.fit("wine", epochs=5)
    alone = train.fit("wine", epochs=5, committee=False, linear=False)
    best = min(alone.record["history"], key=lambda row: row["validation_loss"])
    assert -found.trials[0].loss == pytest.approx(best["validation_accuracy"])
    assert found.run.record["metrics"] == run.record["metrics"]
    assert found.verdict == "nothing better than the default was found in 1 trial: it is kept"


# ---- Luck, and honest words ----


def test_a_lucky_trial_is_found_out(monkeypatch, made_up):
    """It was better on the folds of the search, and is not on folds made anew."""
    calls = []

    def lucky(self, problem, moved, watcher):
        calls.append(problem.seed)
        return 1.0 - (0.3 if moved and problem.seed == 0 else 0) + 0.01 * (len(calls) % 3)

    monkeypatch.setattr(ground.Ground, "loss", lucky)
    found = train.tune("iris", trials=4)
    assert {0, 1, 2} == set(calls)
    assert found.best.changes and abs(found.gain.value) < 0.02
    if found.gain.value <= 0:
        assert found.taken == {}
        assert found.verdict.startswith("the search gained nothing: on folds made anew")
    else:
        assert found.verdict.endswith("which these rows cannot tell from chance")


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [
        (0.2, "found by search: 0.2000 log loss better than the default (0.2000 .. 0.2000), of 4 "
              "trials"),
        (-0.1, "the search gained nothing: on folds made anew, the best of 4 trials differs from "
               "the default by -0.1000 log loss (-0.1000 .. -0.1000), so the default is kept"),
    ],
)  # fmt: skip
def test_the_verdict_is_of_folds_made_anew(monkeypatch, made_up, gain, verdict):
    def loss(self, problem, moved, watcher):
        return 1.0 - (0.5 if problem.seed == 0 else gain) * bool(moved)

    monkeypatch.setattr(ground.Ground, "loss", loss)
    found = train.tune("iris", trials=4)
    assert found.verdict == verdict
    assert bool(found.taken) is (gain > 0)


def test_what_was_found_is_trained_once_and_says_why(tmp_path):
    found = train.tune("wine", trials=3, folder=tmp_path / "out", seed=2, **QUICK)
    record = json.loads((tmp_path / "out" / "run" / "run.json").read_text())
    assert found.folder == tmp_path / "out" / "run"
    assert record["search"]["verdict"] == found.verdict
    wanted = {"epochs": 3, "members": 1, "hidden": (4,), **found.taken}
    assert record["metrics"] == train.fit("wine", seed=2, **wanted).record["metrics"]
    told = [reason for reason in record["recipe"]["reasons"].values() if reason == found.verdict]
    assert bool(told) is bool(found.taken)
    assert train.load(found.folder).record["search"] == record["search"]


# ---- Hopeless trials ----


def test_hopeless_is_what_the_pruner_of_optuna_prunes():
    rng = np.random.default_rng(0)
    for _ in range(200):
        before = [
            trial(i, steps={s: float(v) for s, v in enumerate(np.sort(rng.normal(size=6))[::-1])})
            for i in range(rng.integers(3, 9))
        ]
        study = optuna.create_study(
            pruner=optuna.pruners.PercentilePruner(
                sampling.KEPT, n_startup_trials=sampling.COMPARED
            )
        )
        for one in before:
            study.add_trial(
                optuna.trial.create_trial(value=one.loss, intermediate_values=dict(one.steps))
            )
        running, steps = study.ask(), {}
        for step, value in enumerate(np.sort(rng.normal(0.5, 1, size=6))[::-1]):
            steps[step] = float(value)
            running.report(steps[step], step)
            assert sampling.hopeless(before, steps) == running.should_prune()


def trial(number, state=DONE, **facts):
    given = {"stage": "shape", "point": {}, "changes": {}, "loss": 1.0, "steps": {}, "seconds": 0.0}
    return Trial(number, state=state, **{**given, **facts})


def test_a_hopeless_training_ends_early():
    before = [trial(i, steps=dict.fromkeys(range(1, 40), 0.01)) for i in range(5)]
    problem = prepare(read("iris"))
    steps = {}
    watch = ground._Watch(before, steps)
    recipe = Recipe(hidden=(4,), learning_rate=1e-6, epochs=20)
    _, history = train.tables.fitting.train_network(problem, recipe, watch)
    assert history.stopped == "hopeless"
    assert len(history.epochs) == 5 == max(steps)


def test_hopeless_folds_are_not_trained(monkeypatch, made_up):
    """The first trials are good; then a fold tells enough."""
    calls = []

    def loss(self, problem, moved, watcher):
        calls.append(moved)
        return 1.0 if len(calls) <= 4 * sampling.COMPARED else 2.0

    monkeypatch.setattr(ground.Ground, "loss", loss)
    found = train.tune("iris", trials=sampling.COMPARED + 3, parts=4)
    states = [t.state for t in found.trials]
    assert states == [DONE] * sampling.COMPARED + [PRUNED] * 3
    assert len(calls) == 4 * sampling.COMPARED + 3


def test_trials_that_diverge_are_failures_and_the_search_goes_on(monkeypatch, made_up):
    def loss(self, problem, moved, watcher):
        if moved:
            raise TrainingError("fit", "the loss is nan")
        return 1.0

    monkeypatch.setattr(ground.Ground, "loss", loss)
    found = train.tune("iris", trials=5)
    assert [t.state for t in found.trials] == [DONE, *[FAILED] * 4]

    def never(self, problem, moved, watcher):
        raise TrainingError("fit", "the loss is nan")

    monkeypatch.setattr(ground.Ground, "loss", never)
    with pytest.raises(TrainingError, match="none of 3 trials could be trained"):
        train.tune("iris", trials=3)


def test_choices_that_do_not_go_together_are_failures(monkeypatch, made_up):
    def loss(self, problem, moved, watcher):
        if moved:
            raise ArgumentError("fit", "these do not go together")
        return 1.0

    monkeypatch.setattr(ground.Ground, "loss", loss)
    found = train.tune("iris", trials=3)
    assert [t.state for t in found.trials] == [DONE, FAILED, FAILED]


# ---- Interruptions ----


class Stopping(train.Listener):
    """Ctrl-C after so many trials, or while the best is confirmed."""

    def __init__(self, trials=None, confirming=None):
        self.left, self.fold = trials, confirming

    def tried(self, trial):
        if self.left is not None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    def confirming(self, fold, folds):
        if fold == self.fold:
            raise KeyboardInterrupt


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(made_up, tmp_path):
    whole = train.tune("iris", trials=20, seed=5)
    folder = tmp_path / "out"
    for stop in (Stopping(7), Stopping(3), Stopping(confirming=4)):
        part = train.tune("iris", trials=20, seed=5, folder=folder, listener=stop)
        assert part.interrupted and "the same command goes on" in part.verdict
    made_up.clear()
    last = train.tune("iris", trials=20, seed=5, folder=folder)
    assert losses(last) == losses(whole)
    assert last.gain == whole.gain
    # What was done before is not done again: of ten folds made anew six are left, for two recipes.
    assert len(made_up) == 12


def test_seeds_differ(made_up):
    first, again, other = (train.tune("iris", trials=8, seed=seed) for seed in (0, 0, 1))
    assert losses(first) == losses(again) != losses(other)


CHILD = """
from chainrule import train
train.tune("iris", trials=6, folder="{folder}", seed=3, **{options})
"""


def test_a_killed_search_loses_no_trial_that_was_done(tmp_path):
    folder = tmp_path / "out"
    journal = folder / "trials.jsonl"
    command = [sys.executable, "-c", CHILD.format(folder=folder, options=QUICK)]
    child = subprocess.Popen(command, env={**os.environ, "CHAINRULE_THREADS": "1"})
    while child.poll() is None and (not journal.exists() or len(lines(folder)) < 4):
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = len(lines(folder)) - 1
    assert kept >= 3
    seen = []

    class Seen(train.Listener):
        def tried(self, trial):
            seen.append(trial.number)

    found = train.tune("iris", trials=6, folder=folder, seed=3, listener=Seen(), **QUICK)
    assert seen == list(range(kept, 6))
    whole = train.tune("iris", trials=6, seed=3, **QUICK)
    assert losses(found) == losses(whole)
    assert found.run.record["metrics"] == whole.run.record["metrics"]


def test_a_line_cut_off_is_dropped(made_up, tmp_path):
    whole = train.tune("iris", trials=6, folder=tmp_path)
    path = tmp_path / "trials.jsonl"
    kept = "\n".join(lines(tmp_path)[:5])
    path.write_text(kept + '\n{"number": 4, "sta')
    again = train.tune("iris", trials=6, folder=tmp_path)
    assert losses(again) == losses(whole)
    assert all(json.loads(line) for line in lines(tmp_path))


def test_the_time_may_be_limited(made_up):
    found = train.tune("iris", trials=100, seconds=1e-9)
    assert len(found.trials) == 1


def test_more_trials_go_on_where_fewer_ended(tmp_path):
    train.tune("iris", trials=1, folder=tmp_path, **QUICK)
    with pytest.raises(DataError, match="is done, of 1 trial; its run lies in"):
        train.tune("iris", trials=1, folder=tmp_path, **QUICK)
    found = train.tune("iris", trials=2, folder=tmp_path, **QUICK)
    assert (len(found.trials), found.folder.name) == (2, "run-2")


# ---- Errors ----


def test_a_folder_of_another_search_is_refused(made_up, tmp_path):
    train.tune("iris", trials=2, folder=tmp_path)
    for change in ({"seed": 1}, {"metric": "accuracy"}, {"epochs": 7}, {"parts": 2}):
        with pytest.raises(DataError, match=f"holds a search with {list(change)[0]}|wanted"):
            train.tune("iris", trials=2, folder=tmp_path, **change)
    (tmp_path / "trials.jsonl").write_text("no JSON\n")
    with pytest.raises(DataError, match="is damaged"):
        train.tune("iris", trials=2, folder=tmp_path)


def test_two_searches_do_not_write_one_journal(made_up, tmp_path):
    first = Journal(tmp_path / "trials.jsonl", {})
    with pytest.raises(DataError, match="another search is writing"):
        train.tune("iris", trials=2, folder=tmp_path)
    first.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trials": 0}, "trials=0"),
        ({"seconds": 0}, "seconds=0"),
        ({"parts": 0}, "parts=0"),
        ({"metric": "R2"}, "there is no metric 'R2'"),
        ({"depth": 3}, "depth"),
    ],
)
def test_options_are_checked_at_once(options, message, tmp_path):
    with pytest.raises(ArgumentError, match=message):
        train.tune("iris", folder=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(sampling, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"pip install 'chainrule\[search\]'"):
        train.tune("iris")
