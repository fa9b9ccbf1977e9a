"""What recurrent networks are for: they remember over many steps, go on with a text, translate."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

STEPS = 50


def trained(model, loss_of, turns, learning_rate):
    """Train on fresh draws, `loss_of(model)` each, as one compiled program; the losses."""

    def epoch(model, optimizer):
        def step(_, __):
            loss, gradients = cr.value_and_grad(loss_of)(model)
            optimizer.update(gradients)
            return None, loss

        return cr.scan(step, None, length=turns)[1]

    return cr.jit(epoch)(model, optim.Adam(model, learning_rate)).numpy()


class Recall(nn.Module):
    """Reads symbols, waits, and says them again."""

    SYMBOLS, COUNT = 8, 5

    def __init__(self):
        self.embedding = nn.Embedding(self.SYMBOLS + 2, 16)
        self.lstm = nn.LSTM(16, 128, forget_bias=4.0)
        self.head = nn.Linear(128, self.SYMBOLS)

    def __call__(self, symbols):
        rows, count = symbols.shape
        wait = cr.full((rows, STEPS - 2 * count), self.SYMBOLS)
        speak = cr.full((rows, count), self.SYMBOLS + 1)
        tokens = cr.concat([symbols, wait, speak], axis=1)
        outputs, _ = self.lstm(self.embedding(tokens))
        return self.head(outputs[:, -count:])

    def draw(self, rows):
        return cr.random.integers((rows, self.COUNT), self.SYMBOLS)


@pytest.mark.covers("A-153", "B-025")
def test_an_lstm_copies_over_50_steps():
    def loss(model):
        symbols = model.draw(32)
        return nn.losses.cross_entropy(model(symbols), symbols)

    cr.random.seed(0)
    model = Recall()
    losses = trained(model, loss, 1000, 5e-3)
    assert abs(losses[0] - np.log(8)) < 0.2
    symbols = model.draw(500)
    right = (cr.argmax(model(symbols), axis=-1) == symbols).numpy()
    # Without a memory 1 in 8 is right.
    assert right.mean() > 0.95


class Sum(nn.Module):
    """One number for a sequence."""

    def __init__(self):
        self.gru, self.head = nn.GRU(2, 32), nn.Linear(32, 1)

    def __call__(self, x):
        return self.head(self.gru(x)[1][-1])[:, 0]


@pytest.mark.covers("A-154", "B-025")
def test_a_gru_adds_two_numbers_out_of_50():
    def draw(rows):
        values, half = cr.random.uniform((rows, STEPS)), STEPS // 2
        places = [cr.random.integers((rows, 1), low, low + half) for low in (0, half)]
        marked = (cr.arange(STEPS) == places[0]) | (cr.arange(STEPS) == places[1])
        marks = cr.astype(marked, values.dtype)
        return cr.stack([values, marks], axis=-1), cr.sum(values * marks, axis=1)

    def loss(model):
        x, y = draw(32)
        return nn.losses.mse(model(x), y)

    cr.random.seed(0)
    model = Sum()
    trained(model, loss, 800, 1e-2)
    x, y = draw(500)
    # The variance of the sum is 1 / 6.
    assert float(nn.losses.mse(model(x), y)) < 0.01


@pytest.mark.covers("A-156", "A-168")
@pytest.mark.parametrize("tied", [False, True])
def test_a_language_model_goes_on_with_a_text(tied):
    # On "a" follows "b", "c" or "d": that takes the letter before it.
    text = np.array([ord(letter) - ord("a") for letter in "abacadabacad" * 4])
    cr.random.seed(0)
    model = nn.RecurrentLanguageModel(4, 16, nn.LSTM(16, 16), tied)
    assert ("head.weight" in model.parameters()) is not tied

    def loss(model):
        logits, _ = model(cr.asarray(text[None, :-1]))
        return nn.losses.cross_entropy(logits, cr.asarray(text[None, 1:]))

    assert trained(model, loss, 200, 2e-2)[-1] < 0.1
    for temperature in (0, 0.1):
        written = model.generate(cr.asarray(text[None, :13]), 20, temperature)
        np.testing.assert_array_equal(written.numpy()[0], text[13:33])
    compiled = cr.jit(lambda model, tokens: model.generate(tokens, 20, 0))
    np.testing.assert_array_equal(compiled(model, cr.asarray(text[None, :13]))[0], text[13:33])


def test_temperature():
    cr.random.seed(0)
    model = nn.RecurrentLanguageModel(4, 8, nn.GRU(8, 8))
    start = cr.zeros((2000, 1), dtype=cr.int64)
    for temperature in (1.0, 3.0):
        expected = cr.softmax(model(start)[0][0, -1] / temperature).numpy()
        drawn = np.bincount(model.generate(start, 1, temperature).numpy()[:, 0], minlength=4)
        np.testing.assert_allclose(drawn / 2000, expected, atol=5 * np.sqrt(0.25 / 2000))


@pytest.mark.covers("A-155", "A-156")
def test_translation_reverses_sentences_of_different_lengths():
    start, symbols, longest = 0, 6, 6
    time = cr.arange(longest)

    def draw(rows):
        lengths = cr.random.integers((rows,), 2, longest + 1)
        source = cr.random.integers((rows, longest), 1, symbols)
        places = lengths[:, None] - 1 - time
        there = places >= 0
        words = cr.take_along_axis(source, cr.where(there, places, 0), axis=1)
        return source, lengths, words, there

    def loss(model):
        source, lengths, words, there = draw(64)
        before = cr.concat([cr.full((64, 1), start), words[:, :-1]], axis=1)
        logits = model(source, before, lengths)
        return cr.sum(there * nn.losses.cross_entropy(logits, words, reduction="none")) / 64

    cr.random.seed(0)
    model = nn.Seq2Seq(symbols, symbols, 16, 32)
    trained(model, loss, 500, 1e-2)
    source, lengths, words, there = draw(200)
    found = model.translate(source, start, longest, lengths)
    assert (found == words).numpy()[there.numpy()].mean() > 0.95


def test_models_refuse_what_cannot_work():
    with pytest.raises(cr.ChainruleError, match="the future must not be seen"):
        nn.RecurrentLanguageModel(4, 8, nn.GRU(8, 8, bidirectional=True))
    with pytest.raises(cr.ChainruleError, match="tied head"):
        nn.RecurrentLanguageModel(4, 8, nn.GRU(8, 16), tied=True)
