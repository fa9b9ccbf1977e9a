"""What cannot be trained, or not as it is asked for, is said at once."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.data import ArrayLoader, IterableSource, StreamLoader
from chainrule.errors import ArgumentError, IndexingError, NanError, TrainingError
from chainrule.metrics import accuracy, recall
from chainrule.train import (
    Averaging,
    EarlyStopping,
    NanGuard,
    OnPlateau,
    Trainer,
    find_learning_rate,
    overfit_one_batch,
)

X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
MODEL = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
LOSS = nn.losses.cross_entropy


def trainer(loss=LOSS, rate=1e-2, **options):
    return Trainer(MODEL, loss, optim.Adam(MODEL, rate), **options)


def of_model(model, x, y):
    return LOSS(model(x), y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Trainer(MODEL, "mse", optim.Adam(MODEL)), "the loss is 'mse'"),
        (lambda: Trainer(MODEL, LOSS, optim.Adam), "the optimizer is"),
        (lambda: Trainer(MODEL.__call__, LOSS, optim.Adam(MODEL)), "the model is"),
        (lambda: trainer(callbacks=[EarlyStopping]), "the callback is"),
        (lambda: trainer(clip_norm=-1.0), "clip_norm=-1.0"),
        (lambda: trainer(micro_batch_size=0), "micro_batch_size=0"),
        (lambda: trainer(metrics=[accuracy, accuracy]), "have one name"),
    ],
)
def test_parts_of_a_trainer(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"sample_weight": -np.ones(50)}, "at least 0"),
        ({"sample_weight": np.zeros(50)}, "some above"),
        ({"sample_weight": np.full(50, np.nan)}, "runs from nan"),
        ({"sample_weight": []}, "some above"),
        ({"class_weight": {0: 1.0, 2: 3.0}}, "weights for 2; no row has such a label"),
        ({"class_weight": {"cat": 2.0}}, "weights for 'cat'"),
        ({"validation_data": (X, Y), "validation_split": 0.2}, "are both given"),
    ],
)
def test_options_of_fit(options, message):
    with pytest.raises(ArgumentError, match=message):
        trainer().fit((X, Y), quiet=True, **options)


@pytest.mark.parametrize("labels", [Y + 1, Y - 1, np.where(np.arange(50) == 49, 7, Y)])
@pytest.mark.parametrize("as_data", [lambda *data: data, lambda *data: ArrayLoader(data, 8)])
def test_labels_of_no_class(labels, as_data):
    before = MODEL.state_dict()
    with pytest.raises(IndexingError, match="2 classes are numbered 0 to 1"):
        trainer().fit(as_data(X, labels), quiet=True)
    assert all((before[name] == x).all() for name, x in MODEL.state_dict().items())


def batches(x, y):
    return [(x[start : start + 10], y[start : start + 10]) for start in range(0, 50, 10)]


@pytest.mark.parametrize(
    "as_data",
    [batches, lambda x, y: StreamLoader(IterableSource(lambda: zip(x, y, strict=True)), 10)],
)
def test_labels_of_no_class_in_batches(as_data):
    labels = np.where(np.arange(50) == 49, 7, Y)
    made = trainer()
    with pytest.raises(IndexingError, match="2 classes are numbered 0 to 1"):
        made.fit(as_data(X, labels), quiet=True)
    with pytest.raises(IndexingError, match="2 classes are numbered 0 to 1"):
        made.evaluate(as_data(X, labels))
    assert np.isfinite(made.fit(as_data(X, Y), quiet=True)["loss"]).all()


def test_validation_labels_of_no_class():
    before = MODEL.state_dict()
    with pytest.raises(IndexingError, match="2 classes are numbered 0 to 1"):
        trainer().fit((X, Y), validation_data=(X, Y + 1), quiet=True)
    assert all((before[name] == x).all() for name, x in MODEL.state_dict().items())
    with pytest.raises(IndexingError, match="2 classes are numbered 0 to 1"):
        trainer().evaluate((X, Y - 1))


def test_a_loss_of_the_model_gives_labels_of_no_class_no_number():
    made = trainer(of_model)
    with pytest.raises(TrainingError, match="the training loss is nan .* or labels of no class"):
        made.fit((X, Y + 1), quiet=True)
    guarded = trainer(of_model, callbacks=[NanGuard()])
    with pytest.raises(NanError, match="classification losses give it to labels of no class"):
        guarded.fit((X, Y + 1), quiet=True)
    assert all(np.isfinite(x).all() for x in MODEL.state_dict().values())


def test_checking_labels_draws_nothing():
    cr.random.seed(0)
    trainer().fit((X, Y), epochs=1, quiet=True)
    state = cr.random.get_state().numpy().copy()
    cr.random.seed(0)
    trainer(of_model).fit((X, Y), epochs=1, quiet=True)
    np.testing.assert_array_equal(cr.random.get_state().numpy(), state)


def test_class_weights_of_a_loss_of_the_model():
    with pytest.raises(ArgumentError, match="weigh them within the loss"):
        trainer(of_model).fit((X, Y), class_weight="balanced", quiet=True)
    with pytest.raises(ArgumentError, match="sample_weight with a loss of the model"):
        trainer(of_model).fit((X, Y), sample_weight=np.ones(50), quiet=True)


@pytest.mark.parametrize("data", [(X,), [(X,)], [X]])
def test_data_without_targets(data):
    with pytest.raises(ArgumentError, match=r"a batch is .*; the loss compares .*; pass \(x, y\)"):
        trainer().fit(data, quiet=True)


def test_a_loss_of_the_model_needs_no_targets():
    made = trainer(lambda model, x: cr.mean(model(x) ** 2))
    assert made.fit((X,), epochs=3, quiet=True)["loss"][-1] < 1
    assert made.fit((X,), validation_split=0.2, quiet=True)["validation_loss"]


def test_lists_of_numbers_are_arrays():
    of_arrays = trainer().evaluate((X, Y))
    assert trainer().evaluate((X.tolist(), Y.tolist())) == of_arrays
    options = {"sample_weight": [1.0] * 50, "validation_split": 0.2, "quiet": True}
    assert trainer().fit((X, Y.tolist()), **options)["validation_loss"]


def test_of_no_rows_nothing_is_predicted():
    assert trainer().predict(X[:0]).shape == (0, 2)


def test_a_stream_of_unknown_length_is_tried():
    stream = StreamLoader(IterableSource(lambda: zip(X, Y, strict=True)), 10)
    options = {"validation_data": stream, "fast_dev_run": True, "quiet": True}
    assert len(trainer().fit(stream, **options).epochs) == 1


def test_classes_are_of_draws():
    with pytest.raises(ArgumentError, match="pass samples="):
        trainer().predict(X, classes=True)


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (OnPlateau(optim.schedules.Plateau(1e-2), "loss"), "no schedule of the optimizer"),
        (OnPlateau(optim.schedules.Plateau(1e-2)), "figure of validation data"),
        (EarlyStopping(), "there is no 'validation_loss'; it is a figure of validation data"),
        (Averaging(optim.EMA(nn.Linear(4, 2))), "of another model"),
    ],
)
def test_callbacks_that_would_do_nothing(callback, message):
    steps = []
    made = trainer(callbacks=[callback])
    made.step.observers += (type("Count", (), {"observe": lambda self, g: steps.append(1)})(),)
    with pytest.raises(ArgumentError, match=message):
        made.fit((X, Y), quiet=True)
    assert not steps


def test_metrics_have_their_names():
    made = trainer(metrics=[recall.streaming(classes=2)])
    assert "recall" in made.fit((X, Y), quiet=True).epochs[0]


def test_looking_ahead_leaves_the_place_in_the_data():
    loader = ArrayLoader((X, Y), 8)
    place = loader.state_dict()
    find_learning_rate(trainer(), loader, steps=10)
    overfit_one_batch(trainer(), loader, steps=1)
    assert loader.state_dict() == place
    with pytest.raises(ArgumentError, match="steps=0"):
        overfit_one_batch(trainer(), loader, steps=0)
    with pytest.raises(TrainingError, match="before the first step"):
        find_learning_rate(trainer(), (np.full_like(X, np.nan), Y))
