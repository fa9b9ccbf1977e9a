"""Runs of texts and of images on other ones: figures against NumPy and scikit-learn, and what is
noticed of other data.
"""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sk
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from chainrule import train
from chainrule.data.images import prepare_images
from chainrule.data.seen import image_hashes
from chainrule.errors import ArgumentError, DataError
from chainrule.train.images.scores import LINEAR, MOST_IMAGES
from chainrule.train.report import page
from chainrule.train.report.facts import plain
from chainrule.train.text.ngrams import NGrams
from chainrule.train.text.scores import BITS

WORDS = ("sun", "moon", "stars", "rise", "set", "over", "under", "the", "sea", "and")


def written(path, seed, lines=300, words=WORDS):
    draw = np.random.default_rng(seed)
    text = "".join(" ".join(draw.choice(words, 6)) + ".\n" for _ in range(lines))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """A run, and the file that it was trained on."""
    path = written(tmp_path_factory.mktemp("text") / "sky.txt", 0)
    return train.fit(path, steps=40, width=16, layers=1, context=16, batch_size=8), path


def bits_one_by_one(run, text):
    """-log2 P of each character behind the first eight or more before it, a passage at a time."""
    tokens, context = run.alphabet.encode(text), run.record["recipe"]["context"]
    found = {}
    for start in range(0, len(tokens) - 1, context // 2):
        start = min(start, len(tokens) - 1 - context)
        passage = tokens[start : start + context + 1]
        logits = run.model(passage[None, :-1]).numpy()[0].astype(float)
        chances = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        for place, token in enumerate(passage[1:]):
            found.setdefault(start + place, -np.log2(chances[place, token]))
    return np.array([found[place] for place in range(len(tokens) - 1)])


# ---- Texts ----


def test_bits_and_perplexity_of_another_text(sky, tmp_path):
    run, path = sky
    other = written(tmp_path / "other.txt", 1, 40)
    found = train.evaluate(run, other).comparison
    expected = bits_one_by_one(run, other.read_text()).mean()
    ours = found.ours
    assert ours[BITS].value == pytest.approx(expected, rel=1e-4)
    assert ours["perplexity"].value == pytest.approx(2**expected, rel=1e-4)
    assert ours[BITS].low < ours[BITS].value < ours[BITS].high
    taught = path.read_text()[: -2 * round(0.05 * len(path.read_text()))]
    order = run.record["ngrams"]
    grams = NGrams(run.alphabet.encode(taught), len(run.alphabet), order)
    bits = grams.bits(run.alphabet.encode(other.read_text()))[1:].mean()
    assert found.figures[f"{order}-grams"][BITS].value == pytest.approx(bits)
    then = found.figures["at training"]
    assert then[BITS].value == run.record["metrics"]["network"][BITS]
    assert found.margin.value == pytest.approx(
        found.figures[found.rival][BITS].value - ours[BITS].value
    )


def test_a_text_of_the_same_kind_keeps_the_promise_and_another_does_not(sky, tmp_path):
    run, _ = sky
    assert train.evaluate(run, written(tmp_path / "a.txt", 2, 100)).verdict.answer == "yes"
    turned = [word[::-1] for word in WORDS]
    assert train.evaluate(run, written(tmp_path / "b.txt", 2, 100, turned)).verdict.answer == "no"


def test_the_training_text_tells_nothing(sky, tmp_path):
    run, path = sky
    found = train.evaluate(run, path)
    assert found.verdict.answer == "not yet"
    assert "was trained on these data" in found.verdict.sentence
    part = tmp_path / "part.txt"
    part.write_text(path.read_text()[100:3000])
    found = train.evaluate(run, part)
    assert found.verdict.answer == "not yet"
    assert found.drift.notices[0].startswith("100 % of its passages stand in the training text")


def test_other_characters_are_noticed(sky, tmp_path):
    run, _ = sky
    other = written(tmp_path / "o.txt", 4, 100)
    text = other.read_text()
    other.write_text(text.replace("m", "ж"))
    found = train.evaluate(run, other)
    bits, known = bits_one_by_one(run, other.read_text()), np.array(list(text[1:])) != "m"
    (notice,) = found.drift.notices
    assert notice.endswith(f"training: ж; the others need {bits[known].mean():.4f} bits each")


def test_without_the_training_text_there_are_no_ngrams(sky, tmp_path):
    path = written(tmp_path / "gone.txt", 0)
    run = train.fit(path, steps=2, width=16, layers=1, context=16, batch_size=8)
    other = written(tmp_path / "other.txt", 1, 40)
    written(path, 9)
    found = train.evaluate(run, other)
    assert list(found.comparison.figures) == ["network", "at training"]
    assert found.drift.notices == (
        f"no n-grams beside it: the training text is no longer there, or another: {path}",
    )
    assert found.verdict.answer in ("yes", "no")


def test_scores_of_a_text_have_intervals(sky):
    scores = sky[0].record["metrics"]
    for name, found in scores.items():
        if name == "lzma":
            assert found["low"] == found[BITS] == found["high"]
        else:
            assert found["low"] < found[BITS] < found["high"]
    told = sky[0].evidence.report(sky[0])
    assert told.comparison.margin.low < told.comparison.margin.high


# ---- Images ----


def saved(folder, images, labels):
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15.9).astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run, the folder that it was trained on, and one of later images."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    above = tmp_path_factory.mktemp("images")
    first = saved(above / "first", images[:400], labels[:400])
    later = saved(above / "later", images[400:600], labels[400:600])
    run = train.fit(first, epochs=12, width=8)
    return train.load(train.save(run, above / "run")), first, later


def test_figures_of_images_are_those_of_scikit_learn(digits):
    run, _, later = digits
    found = train.evaluate(run, later)
    pixels = [np.asarray(Image.open(file))[..., None] for file in sorted(later.glob("*/*.png"))]
    truth = np.array([file.parent.name for file in sorted(later.glob("*/*.png"))])
    said = run.predict(np.stack(pixels))
    assert found.comparison.ours["accuracy"].value == sk.accuracy_score(truth, said.values)
    table = sk.precision_recall_fscore_support(truth, said.values, zero_division=0)
    for (name, rows, recall, precision, f1), label, *expected in zip(
        found.by_class.rows, run.target.classes, *table, strict=True
    ):
        assert (name, rows) == (label, expected[3])
        assert [precision, recall, f1] == pytest.approx(expected[:3])
    np.testing.assert_array_equal(found.confusion.counts, sk.confusion_matrix(truth, said.values))
    interval = found.comparison.ours["accuracy"]
    assert interval.low < interval.value < interval.high
    assert len(found.mistakes.rows[0][-1]) == 1


def test_the_linear_model_comes_back_from_the_run_folder(digits):
    run, first, later = digits
    part = prepare_images(first).parts["training"]
    chosen = np.random.default_rng(0).permutation(len(part.y))[:MOST_IMAGES]
    model = LogisticRegression(max_iter=1000)
    model.fit(part.x[chosen].reshape(len(chosen), -1) / 255.0, part.y[chosen])
    files = sorted(later.glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(file))[..., None] for file in files])
    found = run.linear(pixels).probabilities
    expected = model.predict_proba(pixels.reshape(len(pixels), -1) / 255.0)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    truth = np.array([file.parent.name for file in files])
    accuracy = train.evaluate(run, later).comparison.figures[LINEAR]["accuracy"].value
    assert accuracy == np.mean(run.linear(pixels).values == truth)
    ahead = accuracy - train.evaluate(run, later).comparison.ours["accuracy"].value
    assert ahead > 0
    reasons = train.evaluate(run, later).verdict.reasons
    assert reasons[1] == f"Logistic regression: {ahead:.3g} better here."


def test_two_classes_have_one_column_of_weights(tmp_path):
    draw = np.random.default_rng(0)
    for number in range(60):
        path = tmp_path / "shades" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 120, (6, 6)) + 100 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    run = train.fit(tmp_path / "shades", epochs=1, width=8)
    found = train.evaluate(run, tmp_path / "shades")
    assert found.comparison.figures[LINEAR]["accuracy"].value > 0.9
    assert found.verdict.sentence == "This cannot tell: the run was trained on these data."
    assert found.ranking.positive == "b"
    files = sorted((tmp_path / "shades").glob("*/*.png"))
    taught = run.recalled(image_hashes(np.stack([np.asarray(Image.open(f)) for f in files])))
    assert taught == (0.8, 0.0)
    assert found.drift.notices[0].startswith("the run was trained on 80 % of these images")


def test_of_a_split_folder_the_test_part_is_taken_and_classes_may_be_absent(digits, tmp_path):
    run, first, later = digits
    for part, source in (("train", first), ("test", later)):
        for kind in "37":
            (tmp_path / part).mkdir(exist_ok=True)
            (tmp_path / part / kind).symlink_to(source / kind)
    found = train.evaluate(run, tmp_path)
    assert found.comparison.rows == sum(len(list((later / kind).iterdir())) for kind in "37")
    assert [rows for _, rows, *_ in found.by_class.rows].count(0) == 8
    assert "NaN" not in json.dumps(plain(found), allow_nan=False)
    assert "found (recall)" in page(found)


def test_other_light_and_broken_files_are_noticed(digits, tmp_path):
    run, _, later = digits
    for file in later.glob("[12]/*.png"):
        path = tmp_path / file.relative_to(later)
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(255 - np.asarray(Image.open(file))).save(path)
    (tmp_path / "1" / "bad.png").write_bytes(b"none")
    broken, light = train.evaluate(run, tmp_path).drift.notices
    assert broken.startswith("1 file left out: ") and broken.endswith("bad.png: it is no image")
    assert light.startswith("the images are lighter than in training")


# ---- What cannot be scored ----


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: written(folder / "a.txt", 0, 1, ["a"]).name, "has 13 characters; the run"),
        (lambda folder: "none.txt", "there is no file 'none.txt'"),
        (lambda folder: ".", "'.' is not a text, .txt, .text, .md; the run is of the kind text"),
        (lambda folder: "iris", "'iris' is not a text"),
    ],
)
def test_what_is_no_text(sky, tmp_path, monkeypatch, make, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((DataError, ArgumentError)) as caught:
        train.evaluate(sky[0], make(tmp_path))
    assert says in str(caught.value)


def test_what_is_no_folder_of_known_classes(digits, sky, tmp_path, monkeypatch):
    run, _, later = digits
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match="is not a folder with one folder a class"):
        train.evaluate(run, sky[1])
    with pytest.raises(DataError, match="there is no file 'photos'"):
        train.evaluate(run, "photos")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "seven").symlink_to(later / "7")
    with pytest.raises(DataError, match=r"the run does not know 'seven'; the folders name classes"):
        train.evaluate(run, "new")
    with pytest.raises(DataError, match="there are no images in its folders"):
        train.evaluate(run, later / "7")
