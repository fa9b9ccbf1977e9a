"""Texts: what becomes of a file, what a model of it is compared with, and how it writes on."""

import collections
import html
import json
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import train
from chainrule.data import PassageLoader
from chainrule.data.texts import Alphabet, read_text
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.train.text import recipe as recipes
from chainrule.train.text.model import GPT, bits
from chainrule.train.text.ngrams import NGrams, best_order
from chainrule.train.text.scores import bits_of, known_words
from chainrule.train.trainer.clock import Clock, Gone
from chainrule.train.trainer.trainer import Trainer

WORDS = ("sun", "moon", "stars", "rise", "set", "over", "under", "the", "sea", "and")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    draw = np.random.default_rng(0)
    lines = [" ".join(draw.choice(WORDS, 6)) + ".\n" for _ in range(300)]
    file = tmp_path_factory.mktemp("text") / "sky.txt"
    file.write_text("".join(lines), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def run(path):
    return train.fit(path, steps=30, width=16, layers=1, context=16, batch_size=8)


def test_report_tells_bits_beside_ngrams_and_what_it_writes(run, tmp_path):
    folder = train.save(run, tmp_path / "run")
    found, text = run.evidence.report(run), (folder / "report.html").read_text(encoding="utf-8")
    for model, scores in run.record["metrics"].items():
        assert found.comparison.figures[model]["bits per character"].value == next(
            iter(scores.values())
        )
    best = min(list(run.record["metrics"].values())[1:], key=lambda one: one["bits per character"])
    ours = run.record["metrics"]["network"]["bits per character"]
    assert found.verdict.answer == ("yes" if ours < best["bits per character"] else "no")
    assert html.escape(run.record["sample"].split("\n")[1]) in text
    assert found.costs.parameters == sum(p.size for p in run.model.parameters().values())
    assert "chainrule search" not in text


# ---- The text ----


def test_parts_follow_each_other_and_the_alphabet_is_of_the_first(tmp_path):
    text = "ab" * 2000 + "z" * 210
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + text.replace("b", "b\r\n").encode())
    corpus = read_text(tmp_path / "a.txt")
    assert "".join(corpus.texts.values()) == text.replace("b", "b\n")
    assert [len(part) for part in corpus.texts.values()] == [5590, 310, 310]
    assert corpus.alphabet.characters == "\nab"
    assert corpus.tokens("test")[-1] == 0
    np.testing.assert_array_equal(corpus.tokens("training")[:3], [2, 3, 1])


def test_alphabet_knows_all_of_unicode():
    text = "naïve 東京 🙂🙃"
    alphabet = Alphabet("".join(sorted(set(text))))
    assert alphabet.decode(alphabet.encode(text)) == text
    assert alphabet.encode("☃").tolist() == [0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "[data] there is no file"),
        (b"short", "[a.txt] has 5 characters; a model of text needs 2,000"),
        (b"\xff\xfe" * 2000, "[a.txt] cannot be read as text; byte 0 is not UTF-8"),
    ],
)
def test_what_is_no_text_is_told(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ChainruleError) as caught:
        train.fit(tmp_path / "a.txt")
    assert str(caught.value).startswith(message)


def test_a_context_must_fit_into_the_validation_part(tmp_path):
    (tmp_path / "a.txt").write_text("the quick brown fox jumps\n" * 80)
    with pytest.raises(ArgumentError, match="validation part of a.txt has 104 characters"):
        train.fit(tmp_path / "a.txt", context=104)


def test_options_of_other_kinds_are_an_error(path):
    with pytest.raises(ArgumentError, match="target is for tables; the data are texts"):
        train.fit(path, "column")
    with pytest.raises(ArgumentError, match="steps is for texts; the data are tables"):
        train.fit("iris", steps=1)


# ---- Passages ----


def test_passages_are_windows_of_the_sequence_wherever_they_begin():
    loader = PassageLoader(np.arange(50), 7, 4, count=40, seed=1)
    rows = np.concatenate([batch[0] for batch in loader])
    np.testing.assert_array_equal(rows, rows[:, :1] + np.arange(7))
    assert rows.shape == (40, 7)
    assert rows.min() >= 0
    assert rows.max() <= 49
    again = np.concatenate([batch[0] for batch in loader])
    assert not np.array_equal(rows, again)


def test_trainer_takes_passages_in_compiled_stretches():
    model = GPT(10, 8, 1, 1)
    tokens = np.arange(300) % 10
    trainer = Trainer(model, bits, cr.optim.Adam(model, 1e-2))
    training = PassageLoader(tokens, 9, 8, count=80)
    held = PassageLoader(tokens, 9, 8)
    history = trainer.fit(training, validation_data=held, epochs=10, quiet=True)
    assert history["validation_loss"][-1] < 0.5 < history["validation_loss"][0]
    # Eagerly, passage by passage.
    rows = np.concatenate([batch[0] for batch in held])
    expected = np.mean([float(bits(model, cr.asarray(row[None]))) for row in rows])
    assert history["validation_loss"][-1] == pytest.approx(expected, rel=1e-5)


# ---- What it is compared with ----


def oracle(text, tokens, order):
    """P(token | context) by counting in dictionaries: Chen & Goodman 1999, section 3."""
    levels = {}
    counts = collections.Counter(tuple(text[i : i + order]) for i in range(len(text) - order + 1))
    for length in range(order, 0, -1):
        n = [sum(c == k for c in counts.values()) or 1 for k in range(1, 5)]
        y = n[0] / (n[0] + 2 * n[1])
        off = [k + 1 - (k + 2) * y * n[k + 1] / n[k] for k in range(3)]
        off = [min(max(d, 0.1), k + 0.9) for k, d in enumerate(off)]
        levels[length] = counts, off
        counts = collections.Counter(gram[1:] for gram in counts)

    def probability(context, token):
        if context is None:
            return 1 / tokens
        counts, off = levels[len(context) + 1]
        below = probability(context[1:] if context else None, token)
        following = {gram: c for gram, c in counts.items() if gram[:-1] == context}
        if not following:
            return below
        c = counts.get((*context, token), 0)
        kept = c - off[min(c, 3) - 1] if c else 0
        share = sum(off[min(c, 3) - 1] for c in following.values())
        return (kept + share * below) / sum(following.values())

    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_ngrams_are_those_of_the_formula(order):
    draw = np.random.default_rng(order)
    text, new = draw.integers(0, 5, 200), draw.integers(0, 6, 50)
    probability = oracle(text.tolist(), 6, order)
    found = NGrams(text, 6, order).bits(new)
    expected = [
        -math.log2(probability(tuple(new[max(0, i - order + 1) : i].tolist()), new[i]))
        for i in range(len(new))
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_probabilities_of_ngrams_sum_to_one():
    text = np.random.default_rng(0).integers(0, 4, 300)
    model = NGrams(text, 5, 3)
    for context in ([0, 1], [3, 3], [4, 4]):
        bits_ = [model.bits(np.array([*context, token]))[-1] for token in range(5)]
        assert sum(2.0 ** -np.array(bits_)) == pytest.approx(1)


def test_length_of_ngrams_is_chosen_on_validation():
    text = np.tile([0, 1, 2, 1, 0, 2, 2], 100)
    assert best_order(text, text[:70], 3).order >= 3


def test_network_is_scored_with_half_a_context_before_each_token():
    model, context = GPT(7, 8, 1, 1), 8
    tokens = np.random.default_rng(0).integers(0, 7, 30)
    found = bits_of(model, tokens, context)
    for place in range(1, 30):
        start = max(0, min((place - 1) // 4 * 4 - 4, 29 - context))
        logits = model(cr.asarray(tokens[None, start:place])).numpy()[0, -1]
        surprise = -np.log2(np.exp(logits[tokens[place]]) / np.exp(logits).sum())
        assert found[place - 1] == pytest.approx(surprise, rel=1e-4)


def test_known_words_are_those_of_the_training_part(path):
    corpus = read_text(path)
    assert known_words("cut the moon mooon 12 over cut", corpus) == 3 / 4


# ---- The recipe and the clock ----


def test_recipe_grows_with_text_and_time():
    small = recipes.choose_for_text(50_000)
    large = recipes.choose_for_text(5_000_000)
    longer = recipes.choose_for_text(5_000_000, minutes=60)
    assert small.width < large.width < longer.width
    assert small.context < large.context
    assert small.dropout > large.dropout
    assert set(large.reasons) == set(large.described())


def test_choices_win_and_say_so():
    recipe = recipes.choose_for_text(10_000, steps=7, width=48, dropout=0.3)
    assert (recipe.steps, recipe.minutes, recipe.width, recipe.dropout) == (7, None, 48, 0.3)
    assert recipe.reasons["network"] == recipe.reasons["length"] == "as asked"
    assert recipe.width % (2 * recipe.heads) == 0
    assert recipes.TextRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    "wanted", [{"width": 33}, {"minutes": 0}, {"dropout": 1.0}, {"steps": 1, "minutes": 1}]
)
def test_choices_that_cannot_be_are_an_error(wanted):
    with pytest.raises(ArgumentError):
        recipes.choose_for_text(10_000, **wanted)


def test_clock_ends_training_within_an_epoch_and_the_rate_follows_it(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("chainrule.train.trainer.clock.time.monotonic", lambda: now[0])

    class Passing(train.Callback):
        """Each step takes 10 seconds, each validation 5."""

        rates = []

        def batch_end(self, trainer, loss):
            self.rates.append(float(trainer.optimizer.learning_rate))
            now[0] += 10

        def epoch_end(self, trainer):
            now[0] += 5

    model, passing = cr.nn.Linear(1, 1), Passing()
    schedule = Gone(cr.optim.schedules.Linear(0.1, 10**9), 10**9)
    clock = Clock([schedule], minutes=2)
    optimizer = cr.optim.SGD(model, schedule)
    trainer = Trainer(model, cr.nn.losses.mse, optimizer, callbacks=[passing, clock])
    rows = np.ones((4, 1), np.float32)
    history = trainer.fit((rows, rows), epochs=100, batch_size=1, quiet=True)
    assert history.stopped == "time"
    # 40 s and 5 s, twice; then three steps, and the time to validate is left.
    assert len(history.epochs) == 3
    assert now[0] == 125
    starts = [0, 10, 20, 30, 45, 55, 65, 75, 90, 100, 110]
    np.testing.assert_allclose(passing.rates, [0.1 * (1 - start / 120) for start in starts])
    assert trainer.training.position == 0


# ---- The run ----


def test_same_seed_gives_the_same_run(path, run):
    again = train.fit(path, steps=30, width=16, layers=1, context=16, batch_size=8)
    assert again.record["metrics"] == run.record["metrics"]
    for ours, theirs in zip(run.model.parameters().values(), again.model.parameters().values()):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_record_tells_what_a_reader_asks(run):
    record = run.record
    assert record["kind"] == "text"
    assert sum(record["split"].values()) == record["data"]["characters"]
    assert record["history"][-1]["loss"] < record["history"][0]["loss"]
    names = list(record["metrics"])
    assert names[0] == "network"
    assert names[1].endswith("-grams")
    assert set(record["known_words"]) == {"network", "test"}
    assert record["known_words"]["test"] == 1.0


def test_run_comes_back_and_writes_the_same(run, tmp_path):
    back = train.load(train.save(run, tmp_path / "run"))
    assert isinstance(back, train.TextRun)
    assert back.record == run.record
    options = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "seed": 3}
    text = run.continued("the sea ", 50, **options)
    assert len(text) == 50
    assert back.continued("the sea ", 50, **options) == text
    assert back.continued("the sea ", 50, **{**options, "seed": 4}) != text


@pytest.mark.covers("A-202")
def test_writing_is_drawn_from_what_the_whole_model_says(run):
    """Greedily, past the end of the context: each character is the likeliest after those before."""
    prompt = "moon and the sea "
    text = prompt + run.continued(prompt, 40, top_k=1)
    numbers = run.alphabet.encode(text)
    writer = run.writer
    for place in range(len(prompt), len(prompt) + 4):
        start = max(0, len(prompt) - writer.context // 2)
        logits = run.model(cr.asarray(numbers[None, start:place])).numpy()[0, -1].copy()
        logits[0] = -np.inf
        assert numbers[place] == logits.argmax()
