"""Small tasks: what they contain, and that a model that can learn them does."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from chainrule.data import task
from chainrule.data.tasks import BAD, DIGITS, LETTERS, SIDE, TASKS
from chainrule.errors import ArgumentError


@pytest.mark.covers("A-248")
@pytest.mark.parametrize("name", TASKS)
def test_rows_follow_the_seed(name):
    (x, y), (again, _), (other, _) = task(name, 40), task(name, 40), task(name, 40, seed=1)
    assert len(x) == len(y) == 40
    np.testing.assert_array_equal(x, again)
    assert name == "xor" or not np.array_equal(x, other)


def test_sentiments_need_pairs_of_words():
    texts, y = task("sentiment", 600)
    assert set(y) == {0, 1}
    for text, praise in zip(texts, y):
        assert praise == (any(word in text for word in BAD) == ("not" in text))
    scores = []
    for words in ((1, 1), (1, 2)):
        model = make_pipeline(CountVectorizer(ngram_range=words), LogisticRegression(C=100))
        scores.append(model.fit(texts[:400], y[:400]).score(texts[400:], y[400:]))
    assert scores[0] < 0.7 < 0.99 < scores[1]


def test_prices_and_temperatures_can_be_predicted():
    x, y = task("house prices", 800)
    forest = RandomForestRegressor(50, random_state=0).fit(x[:600], y[:600])
    assert forest.score(x[600:], y[600:]) > 0.9
    x, y = task("temperature", 800)
    np.testing.assert_array_equal(x[1:, -1], y[:-1])
    assert Ridge().fit(x[:600], y[:600]).score(x[600:], y[600:]) > 0.8


def test_lines_are_told_by_their_pixels():
    x, y = task("images", 1500)
    flat = np.concatenate([x.mean(1), x.mean(2)], axis=1).reshape(1500, -1)
    model = KNeighborsClassifier(5).fit(flat[:1200], y[:1200])
    assert model.score(flat[1200:], y[1200:]) > 0.95


def test_languages():
    x, y = task("language", 20)
    np.testing.assert_array_equal(x[:, 1:], y[:, :-1])
    words = "".join(LETTERS[code] for code in x[0]).split()[1:-1]
    assert set(words) <= set(DIGITS)
    for text, figures in zip(*task("translation", 20)):
        assert "".join(str(DIGITS.index(word)) for word in text.split()) == figures


def test_boxes_are_where_images_are_bright():
    (images, corners), (_, mask) = task("detection", 50), task("segmentation", 50)
    for (top, left, bottom, right), pixels, inside in zip(corners, images[..., 0], mask):
        assert 0 <= top < bottom <= SIDE and 0 <= left < right <= SIDE
        assert inside.sum() == (bottom - top) * (right - left)
        assert inside[top:bottom, left:right].all()
        assert pixels[inside == 1].mean() > 0.7 > 0.3 > pixels[inside == 0].mean()
    content, style = task("style", 50)
    assert content.shape == style.shape == (50, SIDE, SIDE, 1)


def test_other_tasks_are_refused():
    with pytest.raises(ArgumentError, match="there is no 'chess'"):
        task("chess")
