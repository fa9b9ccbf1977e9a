"""Calibration errors and perplexity against their definitions, on random cases."""

import numpy as np
import pytest
from metrics import draws
from numpy.testing import assert_allclose

from chainrule import metrics

BINS = 15


def gaps(confidence, right, weights):
    """(share of the weight, |frequency - confidence|) of each bin that holds a row."""
    weights = np.ones(len(right)) if weights is None else weights
    place = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
    for chosen in (place == b for b in np.unique(place)):
        means = [np.average(x[chosen], weights=weights[chosen]) for x in (right, confidence)]
        yield weights[chosen].sum() / weights.sum(), abs(means[0] - means[1])


def check(draw, confidence, right):
    share, gap = np.transpose(list(gaps(confidence, right, draw.weights)))
    for metric, expected in (
        (metrics.calibration_error, share @ gap),
        (metrics.maximum_calibration_error, gap.max()),
    ):
        found = metric(draw.prediction, draw.target, sample_weight=draw.weights)
        assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_of_the_predicted_class():
    for draw in draws.probabilities():
        p = draw.prediction
        check(draw, p.max(1), p.argmax(1) == draw.target)


def test_of_class_1():
    for draw in draws.scores():
        check(draw, draw.prediction, draw.target == 1)


def test_perplexity():
    for draw in draws.probabilities():
        logits = 3 * draw.prediction
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        own = p[np.arange(len(p)), draw.target]
        expected = np.exp(np.average(-np.log(own), weights=draw.weights))
        found = metrics.perplexity(logits, draw.target, sample_weight=draw.weights)
        assert_allclose(found, expected, rtol=1e-9)


def test_perplexity_leaves_padding_out():
    tokens, mask = np.asarray([[1, 0, 9], [2, 9, 9]]), np.asarray([[1, 1, 0], [1, 0, 0]])
    logits = np.random.default_rng(0).normal(size=(2, 3, 4))
    real = mask == 1
    expected = metrics.perplexity(logits[real], tokens[real])
    assert float(metrics.perplexity(logits, tokens, sample_weight=mask)) == pytest.approx(
        float(expected)
    )
