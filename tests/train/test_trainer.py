"""The trainer: its compiled epochs against plain loops, and how training ends."""

import functools
import os
import signal
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.data import ArrayLoader
from chainrule.errors import ArgumentError, NanError, TrainingError
from chainrule.train import (
    Averaging,
    Callback,
    EarlyStopping,
    NanGuard,
    OnPlateau,
    Predictor,
    Trainer,
)

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
WEIGHTS = GENERATOR.uniform(0.5, 2, 50).astype(np.float32)
CROSS_ENTROPY = nn.losses.cross_entropy


def network(dropout=0.0, seed=0):
    cr.random.seed(seed)
    layers = [nn.Linear(4, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2)]
    return nn.Sequential(*layers)


def trainer(learning_rate=1e-2, dropout=0.0, seed=0, loss=CROSS_ENTROPY, **options):
    model = network(dropout, seed)
    return Trainer(model, loss, optim.Adam(model, learning_rate), seed=seed, **options)


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


def close(a, b, rtol=1e-4, atol=1e-6):
    for name, expected in b.items():
        np.testing.assert_allclose(a[name], expected, rtol=rtol, atol=atol)


def by_hand(batch_size, epochs=1, weights=None, change=lambda gradients: gradients):
    """The weights and the mean losses of a plain loop over the same batches."""
    model, losses = network(), []
    optimizer = optim.Adam(model, 1e-2)
    for epoch in range(epochs):
        order, total, weight = np.random.default_rng([0, 1, epoch]).permutation(len(X)), 0.0, 0.0
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            given = None if weights is None else weights[rows]

            def loss(model, rows=rows, given=given):
                return CROSS_ENTROPY(model(X[rows]), Y[rows], sample_weight=given)

            value, gradients = cr.value_and_grad(loss)(model)
            optimizer.update(change(gradients))
            share = len(rows) if weights is None else given.sum()
            total, weight = total + float(value) * share, weight + share
        losses.append(total / weight)
    return model.state_dict(), losses


# 50 rows: a rest of 2, none, one batch that is the rest, and every row by itself.
@pytest.mark.parametrize("batch_size", [16, 25, 64, 1])
@pytest.mark.covers("B-039", "B-045")
def test_fit_is_a_plain_loop_over_batches(batch_size):
    ours = trainer()
    history = ours.fit((X, Y), epochs=2, batch_size=batch_size)
    weights, losses = by_hand(batch_size, epochs=2)
    assert history["loss"] == pytest.approx(losses, rel=1e-5)
    close(ours.model.state_dict(), weights)


def pairs():
    """The batches of an epoch, in the order of the trainer."""
    return list(ArrayLoader((X, Y), 16))


@pytest.mark.parametrize(
    "data",
    [pairs, lambda: [list(batch) for batch in pairs()], lambda: ArrayLoader((X, Y), 16)],
    ids=["tuples", "lists", "loader"],
)
def test_loaders_and_lists_of_batches_train_alike(data):
    ours = trainer()
    ours.fit(data())
    close(ours.model.state_dict(), by_hand(16)[0])


def test_later_epochs_compile_nothing():
    made = trainer()
    made.fit((X, Y), epochs=4, batch_size=16, validation_data=(X, Y))
    loop = made._training
    programs = [loop._over_rows, *loop._over_batch.values()]
    assert [len(program.compiled) for program in programs] == [1, 1]
    assert len(made._evaluating._over_batch) == 1


def test_a_loss_may_ask_the_model_itself():
    def loss(model, x, y):
        return CROSS_ENTROPY(model(x), y)

    ours = trainer(loss=loss, metrics=[cr.metrics.accuracy])
    history = ours.fit((X, Y), epochs=1, batch_size=16, validation_data=(X, Y))
    close(ours.model.state_dict(), by_hand(16)[0])
    assert "accuracy" not in history.epochs[0] and 0 < history["validation_accuracy"][0] < 1


def test_other_losses_are_errors():
    with pytest.raises(ArgumentError) as caught:
        trainer(loss=lambda net, x, y: 0.0)
    assert str(caught.value) == (
        "[Trainer] the loss is a function of (net, x, y); it is called as loss(prediction, "
        "target), or with the model itself; write loss(prediction, target), or loss(model, x, y) "
        "with a first parameter of the name model"
    )


# ---- Weights, clipping, parts of batches ----


@pytest.mark.parametrize("given", ["sample_weight", "third array"])
def test_sample_weight_are_those_of_the_loss(given):
    ours = trainer()
    if given == "sample_weight":
        history = ours.fit((X, Y), batch_size=16, sample_weight=WEIGHTS)
    else:
        history = ours.fit((X, Y, WEIGHTS), batch_size=16)
    weights, losses = by_hand(16, weights=WEIGHTS)
    close(ours.model.state_dict(), weights)
    assert history["loss"] == pytest.approx(losses, rel=1e-5)


@pytest.mark.parametrize("wish", [{1: 3.0}, [1.0, 3.0], "balanced"])
def test_class_weights_are_sample_weight_by_label(wish):
    table = np.asarray([1.0, 3.0], np.float32)
    if wish == "balanced":
        utils = pytest.importorskip("sklearn.utils")
        table = utils.compute_class_weight("balanced", classes=np.unique(Y), y=Y).astype(np.float32)
    ours = trainer()
    ours.fit((X, Y), batch_size=16, class_weight=wish)
    close(ours.model.state_dict(), by_hand(16, weights=table[Y])[0])


def test_class_weights_leave_evaluation_alone():
    ours = trainer()
    ours.fit((X, Y), class_weight={1: 100.0})
    expected = float(CROSS_ENTROPY(ours.model(X), Y))
    assert ours.evaluate((X, Y))["loss"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({"clip_norm": 0.1}, lambda g: optim.clip_by_global_norm(g, 0.1)[0]),
        ({"clip_value": 0.01}, lambda g: optim.clip_by_value(g, 0.01)),
    ],
)
@pytest.mark.covers("B-046", "B-047")
def test_gradients_are_clipped(options, change):
    ours = trainer(**options)
    ours.fit((X, Y), batch_size=16)
    close(ours.model.state_dict(), by_hand(16, change=change)[0])


@pytest.mark.parametrize("micro", [1, 8, 24])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.covers("B-048")
def test_parts_of_a_batch_make_the_step_of_the_whole(micro, weighted):
    """Gradients of a mean over 25 rows, in parts of other sizes: they are weighed by rows."""
    found = []
    for size in (None, micro):
        ours = trainer(micro_batch_size=size, metrics=[cr.metrics.accuracy])
        ours.optimizer = ours.step.optimizer = optim.SGD(ours.model, 1.0)
        weights = WEIGHTS if weighted else None
        history = ours.fit((X, Y), batch_size=25, shuffle=False, sample_weight=weights)
        found.append((ours.model.state_dict(), history.epochs[0]))
    (whole, expected), (parts, row) = found
    close(parts, whole, rtol=1e-6, atol=2e-7)
    assert row["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert row["accuracy"] == expected["accuracy"]


# ---- Evaluation ----


def test_evaluation_is_of_the_model_in_use_over_all_rows():
    made = trainer(dropout=0.5, metrics=[cr.metrics.accuracy])
    expected = float(CROSS_ENTROPY(made.model(X), Y))
    right = np.mean(made.model(X).numpy().argmax(1) == Y)
    for batch_size in (256, 50, 7):
        found = made.evaluate((X, Y), batch_size=batch_size)
        assert found == pytest.approx({"loss": expected, "accuracy": right})
    assert made.evaluate(pairs())["loss"] == pytest.approx(expected)


def test_metrics_that_are_means_of_batches_are_errors():
    with pytest.raises(ArgumentError, match="the mean over batches of most figures"):
        trainer(metrics=[lambda prediction, target: 0.0])


def test_a_share_is_held_out_of_each_class():
    rows = []

    class Seen(Callback):
        def fit_start(self, trainer):
            rows.append(np.asarray(trainer.training.data[1]))

    made = trainer(callbacks=[Seen()])
    labels = np.repeat([0, 1], [40, 10])
    history = made.fit((X, labels), validation_split=0.2)
    assert np.bincount(rows[0]).tolist() == [32, 8]
    assert "validation_loss" in history.epochs[0]


@pytest.mark.parametrize("rows", [1, 256, 300])
def test_predictor_gives_each_row_its_own_result(rows):
    model = network(dropout=0.5)
    x = np.random.default_rng(1).normal(size=(rows, 4)).astype(np.float32)
    found = Predictor(model)(x)
    np.testing.assert_allclose(found, model(x).numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(Predictor(model)(x[-1:]), found[-1:])


@pytest.mark.covers("B-062")
def test_predictions_with_uncertainty():
    made = trainer(dropout=0.5)
    made.fit((X, Y), epochs=5)
    drawn = made.predict(X, samples=50, classes=True)
    assert drawn.mean.shape == (50, 2) and drawn.entropy.shape == (50,)
    np.testing.assert_allclose(drawn.mean.sum(axis=1), 1, rtol=1e-5)
    assert (drawn.std > 0).all() and (drawn.mutual_information <= drawn.entropy + 1e-6).all()
    np.testing.assert_allclose(made.predict(X), made.model(X).numpy(), rtol=1e-5, atol=1e-6)


# ---- How training goes on and ends ----


def test_training_learns():
    history = trainer().fit((X, Y), epochs=60, batch_size=16, validation_data=(X, Y))
    losses = history["validation_loss"]
    assert losses[-1] < 0.2 < losses[0]


def test_same_seed_gives_the_same_weights_and_history():
    runs = []
    for _ in range(2):
        made = trainer(dropout=0.5, seed=7)
        history = made.fit((X, Y), epochs=3)
        runs.append((made.model.state_dict(), history["loss"]))
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]


def test_single_steps_give_the_same_bits():
    class Counting(Callback):
        def __init__(self):
            self.losses, self.started = [], 0

        def batch_start(self, trainer):
            self.started += 1

        def batch_end(self, trainer, loss):
            self.losses.append(loss)

    counting, found = Counting(), []
    for callbacks in ([], [counting]):
        made = trainer(dropout=0.5, callbacks=callbacks)
        history = made.fit((X, Y), epochs=2, batch_size=16)
        found.append((made.model.state_dict(), history["loss"]))
    (whole, losses), (single, same_losses) = found
    assert same(whole, single) and losses == same_losses
    assert counting.started == len(counting.losses) == 8


class Scripted(Callback):
    """Gives validation losses, and notes the weights after each epoch."""

    def __init__(self, losses, name="validation_loss"):
        self.losses, self.weights, self.name = iter(losses), [], name

    def epoch_end(self, trainer):
        self.weights.append(trainer.model.state_dict())
        trainer.row[self.name] = next(self.losses)


@pytest.mark.covers("A-115", "B-051")
def test_patience_ends_training_and_brings_the_best_weights_back():
    script = Scripted([3.0, 1.0, 2.0, 1.5, 0.5])
    made = trainer(callbacks=[EarlyStopping(patience=2), script])
    history = made.fit((X, Y), validation_data=(X, Y), epochs=5)
    assert history.stopped == "patience"
    assert history["epoch"] == [1, 2, 3, 4]
    assert history.best()["epoch"] == 2
    assert same(made.model.state_dict(), script.weights[1])
    assert not same(script.weights[1], script.weights[3])


def test_a_greatest_figure_is_awaited():
    script = Scripted([0.1, 0.5, 0.3, 0.4], "validation_auc")
    stopping = EarlyStopping("validation_auc", patience=2, mode="max")
    history = trainer(callbacks=[stopping, script]).fit((X, Y), epochs=9)
    assert len(history.epochs) == 4 and history.best("validation_auc", "max")["epoch"] == 2


def test_without_patience_all_epochs_are_done():
    script = Scripted([1.0, 2.0, 3.0])
    made = trainer(callbacks=[script, EarlyStopping(patience=None)])
    history = made.fit((X, Y), validation_data=(X, Y), epochs=3)
    assert (history.stopped, len(history.epochs)) == ("all epochs", 3)
    assert same(made.model.state_dict(), script.weights[0])


def test_a_figure_that_is_not_there_is_an_error():
    with pytest.raises(ArgumentError) as caught:
        trainer(callbacks=[EarlyStopping("auc")]).fit((X, Y))
    assert str(caught.value) == (
        "[EarlyStopping] there is no 'auc'; this epoch has epoch, loss, learning_rate, seconds; "
        "name one of these"
    )


class Interrupting(Callback):
    def __init__(self, number, interrupt):
        self.number, self.interrupt = number, interrupt

    def epoch_end(self, trainer):
        if trainer.row["epoch"] == self.number:
            self.interrupt()


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_interruption_keeps_the_best_so_far():
    script = Scripted([2.0, 1.0, 3.0, 0.1])
    made = trainer(callbacks=[EarlyStopping(), script, Interrupting(3, press)])
    before = signal.getsignal(signal.SIGINT)
    history = made.fit((X, Y), validation_data=(X, Y), epochs=4)
    assert (history.stopped, len(history.epochs)) == ("interrupted", 3)
    assert same(made.model.state_dict(), script.weights[1])
    assert signal.getsignal(signal.SIGINT) is before


def test_interruption_before_the_first_epoch_is_passed_on():
    class Early(Callback):
        def stretch_start(self, trainer):
            press()

    with pytest.raises(KeyboardInterrupt):
        trainer(callbacks=[Early()]).fit((X, Y), epochs=2)


def test_training_in_a_thread():
    made, found = trainer(), []
    thread = threading.Thread(target=lambda: found.append(made.fit((X, Y))))
    thread.start()
    thread.join()
    assert len(found[0].epochs) == 1


def test_divergence_is_an_error():
    with pytest.raises(TrainingError, match=r"the training loss is (nan|inf) in epoch [12]; "):
        trainer(learning_rate=1e30).fit((X, Y), epochs=5)


@pytest.mark.covers("B-056")
def test_the_guard_says_where_a_nan_was_made():
    def loss(prediction, target):
        return cr.mean(cr.log(prediction[:, 0] + 3))

    made = trainer(learning_rate=0.5, loss=loss, callbacks=[NanGuard()])
    with pytest.raises(NanError, match=r"log gave nan at .* in .*test_trainer.py:\d+"):
        made.fit((X, Y), epochs=50, batch_size=16)


def test_the_plateau_is_told():
    plateau = optim.schedules.Plateau(0.1, patience=0)
    model = network()
    callbacks = [Scripted([1.0, 2.0, 3.0]), OnPlateau(plateau)]
    made = Trainer(model, CROSS_ENTROPY, optim.SGD(model, plateau), callbacks=callbacks)
    made.fit((X, Y), validation_data=(X, Y), epochs=3)
    assert float(made.optimizer.learning_rate) == pytest.approx(1e-3)


@pytest.mark.covers("B-050")
def test_schedules_of_rate_and_momentum_move_with_each_step():
    model = network()
    cycle = optim.schedules.OneCycle(0.1, 8)
    optimizer = optim.SGD(model, cycle, momentum=cycle.momentum)
    history = Trainer(model, CROSS_ENTROPY, optimizer).fit((X, Y), epochs=2, batch_size=16)
    assert history["learning_rate"] == pytest.approx([cycle(4), cycle(8)])


@pytest.mark.parametrize("make", [functools.partial(optim.EMA, decay=0.9), optim.SWA])
def test_averages_are_evaluated_and_kept(make):
    model, plain = network(), network()
    average, expected = make(model), make(plain)
    made = Trainer(
        model, CROSS_ENTROPY, optim.SGD(model, 0.1), callbacks=[Averaging(average)], seed=0
    )
    history = made.fit((X, Y), epochs=2, batch_size=16, validation_data=(X, Y))
    optimizer = optim.SGD(plain, 0.1)
    for epoch in range(2):
        order = np.random.default_rng([0, 1, epoch]).permutation(50)
        for start in range(0, 50, 16):
            rows = order[start : start + 16]
            value = cr.value_and_grad(lambda m, rows=rows: CROSS_ENTROPY(m(X[rows]), Y[rows]))
            optimizer.update(value(plain)[1])
            expected.update()
    expected.assign_to(plain)
    close(model.state_dict(), plain.state_dict())
    loss = float(CROSS_ENTROPY(plain(X), Y))
    assert history["validation_loss"][-1] == pytest.approx(loss, rel=1e-5)


def test_optimizers_that_look_around_train_too():
    model, plain = network(), network()
    made = Trainer(
        model, CROSS_ENTROPY, optim.SAM(optim.SGD(model, 0.1)), [cr.metrics.accuracy], clip_norm=1.0
    )
    history = made.fit((X, Y), batch_size=50, shuffle=False)
    optimizer = optim.SAM(optim.SGD(plain, 0.1))

    def evaluate():
        value, g = cr.value_and_grad(lambda model: CROSS_ENTROPY(model(X), Y))(plain)
        return value, optim.clip_by_global_norm(g, 1.0)[0]

    accuracy = np.mean(plain(X).numpy().argmax(1) == Y)
    optimizer.update(evaluate)
    close(model.state_dict(), plain.state_dict())
    assert history["accuracy"] == [pytest.approx(accuracy)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda model: optim.LBFGS(model), r"write optimizer.minimize\(loss, model, x, y\)"),
        (lambda model: optim.SGD(network(), 0.1), "the optimizer trains .* of another model"),
    ],
)
def test_optimizers_that_do_not_fit_are_errors(make, message):
    model = network()
    with pytest.raises(ArgumentError, match=message):
        Trainer(model, CROSS_ENTROPY, make(model))


def test_newton_says_what_to_write():
    model = network()
    with pytest.raises(ArgumentError, match=r"write a loop of newton.update\(loss, model, x, y\)"):
        Trainer(model, CROSS_ENTROPY, optim.Newton(model)).fit((X, Y))


def test_a_dry_run_takes_a_batch_of_each(tmp_path):
    events = []

    class Told(Callback):
        def fit_end(self, trainer):
            events.append("end")

    made = trainer(callbacks=[Told()])
    history = made.fit(
        (X, Y), epochs=9, validation_data=(X, Y), folder=tmp_path / "run", fast_dev_run=True
    )
    assert int(made.optimizer.steps) == 1 and events == ["end"]
    assert len(history.epochs) == 1 and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, Y[:-1]), r"arrays of shapes \(50, 4\), \(49,\)"),
        ((X[:0], Y[:0]), r"arrays of shapes \(0, 4\), \(0,\)"),
        (iter(pairs()), "which can be walked through once"),
        (X, "a model learns from pairs"),
    ],
)
def test_data_that_do_not_fit_are_errors(data, message):
    with pytest.raises(ArgumentError, match=message):
        trainer().fit(data)


def test_history_says_what_there_is():
    history = trainer().fit((X, Y), epochs=2)
    with pytest.raises(ArgumentError, match="there is no 'accuracy'; recorded is epoch, loss"):
        history["accuracy"]


@pytest.mark.covers("B-052")
def test_the_gap_is_validation_minus_training():
    history = trainer().fit((X, Y), epochs=2, validation_data=(X, Y))
    gaps = np.subtract(history["validation_loss"], history["loss"])
    assert history.gaps() == pytest.approx(gaps.tolist())


@pytest.mark.covers("B-049")
def test_mixed_precision_is_that_of_the_loss():
    ours, plain = trainer(precision="mixed"), network()
    ours.fit((X, Y), batch_size=50, shuffle=False)
    loss = cr.mixed_precision(lambda model: CROSS_ENTROPY(model(X), Y))
    optim.Adam(plain, 1e-2).update(cr.grad(loss)(plain))
    close(ours.model.state_dict(), plain.state_dict())


def test_float16_goes_with_loss_scaling():
    model = network()
    optimizer = optim.LossScaling(optim.Adam(model, 1e-2))
    made = Trainer(model, CROSS_ENTROPY, optimizer, precision="float16")
    history = made.fit((X, Y), epochs=40, batch_size=16, quiet=True)
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    for precision, wrong in (("float16", optimizer.inner), ("mixed", optimizer)):
        with pytest.raises(ArgumentError, match="gradients of float16 must be scaled"):
            Trainer(model, CROSS_ENTROPY, wrong, precision=precision)


@pytest.mark.covers("B-063")
def test_adversarial_training_is_a_loss():
    def plain(model, x, y):
        return CROSS_ENTROPY(model(x), y)

    attack = functools.partial(nn.adversarial.fgsm, eps=0.3)
    made = trainer(loss=nn.adversarial.adversarial_loss(plain, attack))
    made.fit((X, Y), epochs=100, batch_size=16, quiet=True)
    naive = trainer()
    naive.fit((X, Y), epochs=100, batch_size=16, quiet=True)
    losses = []
    for model in (made.model, naive.model):
        attacked = attack(plain, model, X, Y)
        losses.append(float(CROSS_ENTROPY(model(attacked), Y)))
    assert losses[0] < losses[1]
