"""What the losses refuse, and what they say then."""

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.nn import losses

R = np.random.default_rng(0)
Z = R.normal(size=(6, 4)) * 3
LABELS = np.asarray([0, 3, 1, 1, 2, 0])
P = special.softmax(R.normal(size=(6, 4)), -1)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setattr(cr.config, "float64", True)


def message(call, *arguments, error=cr.ChainruleError, **keywords):
    with pytest.raises(error) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


def test_labels_out_of_range():
    text = (
        "labels run from 0 to 4; 4 classes are numbered 0 to 3; "
        "check the labels, or the number of outputs of the last layer"
    )
    wrong = np.asarray([0, 4, 1, 1, 2, 0])
    assert message(losses.cross_entropy, Z, wrong, error=IndexError) == f"[cross_entropy] {text}"
    assert message(cr.grad(losses.cross_entropy), cr.asarray(Z), wrong) == f"[cross_entropy] {text}"
    assert message(losses.focal, Z, wrong) == f"[focal] {text}"
    assert message(losses.check_labels, wrong, 4) == f"[check_labels] {text}"
    losses.check_labels(LABELS, 4)


@pytest.mark.parametrize(
    ("logits", "target", "text"),
    [
        (
            Z,
            LABELS[:, None],
            "logits have shape [6, 4], labels [6, 1]; labels have one axis less than logits; "
            "write target[..., 0]",
        ),
        (
            Z,
            LABELS[:5],
            "logits have shape [6, 4], labels [5]; labels need shape [6], probabilities [6, 4]; "
            "put classes on the last axis of the logits, or use binary_cross_entropy for single "
            "ones",
        ),
        (
            Z,
            LABELS.astype(float),
            "labels are float64; labels count classes from 0; probabilities have an axis for the "
            "classes; write target.astype(cr.int64)",
        ),
        (
            Z[:, :1],
            LABELS,
            "logits have shape [6, 1], labels [6]; logits have one number for each class, at least "
            "two; use binary_cross_entropy for single logits",
        ),
        (
            LABELS,
            Z,
            "the prediction is int64[6], the target float64[6, 4]; the prediction comes first, and "
            "holds floats; exchange the arguments, or cast it to a float",
        ),
    ],
)
def test_cross_entropy_refuses(logits, target, text):
    assert message(losses.cross_entropy, logits, target) == f"[cross_entropy] {text}"


def test_single_logits_are_no_distribution():
    assert message(losses.cross_entropy, Z[:, 0], LABELS % 2).startswith(
        "[cross_entropy] logits have shape [6], labels [6]; "
    )


PAIRED = [
    losses.binary_cross_entropy,
    losses.binary_focal,
    losses.mse,
    losses.half_squares,
    losses.mae,
    losses.huber,
    losses.smooth_l1,
    losses.log_cosh,
    losses.mape,
    losses.pinball,
]


@pytest.mark.parametrize("loss", PAIRED)
def test_column_against_vector(loss):
    name, column, vector = loss.__name__, np.ones((6, 1)), np.ones(6)
    assert message(loss, column, vector, error=cr.errors.ShapeError) == (
        f"[{name}] the prediction has shape [6, 1], the target [6]; broadcasting would pair each "
        "with all others; write prediction[..., 0], or target[..., None]"
    )
    assert message(loss, vector, column) == (
        f"[{name}] the prediction has shape [6], the target [6, 1]; broadcasting would pair each "
        "with all others; write target[..., 0], or prediction[..., None]"
    )
    assert message(cr.jit(lambda x, y: loss(x, y)), column, vector).startswith(
        f"[{name}] the prediction has shape [6, 1], the target [6]; "
    )
    assert message(loss, Z, 1.0) == (
        f"[{name}] the prediction has shape [6, 4], the target []; each prediction needs its own "
        "target; check the layers or the columns that they come from"
    )
    assert message(loss, LABELS, Z[:, 0], error=TypeError) == (
        f"[{name}] the prediction is int64[6], the target float64[6]; the prediction comes first, "
        "and holds floats; exchange the arguments, or cast it to a float"
    )


X, PAIR = np.ones((2, 3)), (np.ones((2, 3)), np.zeros((2, 3)))
CTC = (np.zeros((2, 5, 4)), np.ones((2, 3), np.int64))


@pytest.mark.parametrize(
    ("name", "arguments", "options", "text"),
    [
        ("cross_entropy", (Z, P), {"label_smoothing": 10},
         "label_smoothing is 10; it is a share; choose 0 <= label_smoothing <= 1"),
        ("binary_cross_entropy", (Z, P), {"label_smoothing": 10},
         "label_smoothing is 10; it is a share; choose 0 <= label_smoothing <= 1"),
        ("cross_entropy", (Z, LABELS), {"class_weights": np.ones(3)},
         "class_weights has shape [3]; logits of shape [6, 4] tell 4 classes apart; pass one "
         "weight for each, shape [4]"),
        ("binary_cross_entropy", (Z, P), {"positive_weight": np.ones(3)},
         "positive_weight has shape [3], the logits [6, 4]; labels lie on the last axis; pass one "
         "number, or one for each label"),
        ("huber", (Z, P), {"delta": 0},
         "delta is 0; it is the error where the square ends; choose delta > 0"),
        ("smooth_l1", (Z, P), {"beta": 0},
         "beta is 0; it is the error where the square ends; choose beta > 0"),
        ("pinball", (Z, P), {"quantile": 95},
         "quantile is 95; it is the share of targets below the prediction; choose 0 < quantile "
         "< 1"),
        ("focal", (Z, P), {}, "the target is float64[6, 4]; only one class of each example can be "
         "the right one; pass integer labels, or use cross_entropy"),
        ("binary_focal", (Z, P), {"gamma": -1},
         "gamma is -1; it weighs easy ones down; choose gamma >= 0"),
        ("hinge", (Z[:, 0], LABELS % 2), {}, "targets are other than -1 and 1; they are the wanted "
         "signs of the scores; write 2 * target - 1 for targets 0 and 1"),
        ("dice", (Z[0], P[0]), {}, "logits have shape [4]; the first axis counts examples, the "
         "others their places; write logits[None] and target[None] for a single example"),
        ("kl_divergence", (P, Z), {}, "q holds negative numbers; it takes probabilities; pass "
         "softmax(logits)"),
        ("mutual_information", (P[0],), {}, "the joint table has shape [4]; x and y have an axis "
         "each; reshape it to (..., values of x, values of y)"),
        ("contrastive", (*PAIR, X), {}, "the distance has shape [2], the target [2, 3]; each "
         "distance needs its own target; check the layers or the columns that they come from"),
        ("nt_xent", PAIR, {"temperature": 0}, "temperature is 0; similarities are divided by it; "
         "choose temperature > 0"),
        ("info_nce", (X[:1], X[:1]), {}, "views have shape [1, 3]; each is compared with those of "
         "other examples; pass (examples, features) of at least two examples"),
        ("gan_generator", (X,), {"kind": "wgan"}, "kind='wgan'; only 'minimax', 'non-saturating', "
         "'least-squares', 'wasserstein', 'hinge' exist; choose one"),
        ("vae", (Z, P, X, X), {}, "reconstructions have shape [6, 4], latents [2, 3]; all but the "
         "last axis of the latents count examples; give both the same first axes"),
        ("diffuse", (X, LABELS, X, P[0]), {}, "steps have shape [6], the examples [2, 3]; each "
         "example is at one step; draw one step for each"),
        ("distillation", (X, X), {"temperature": 0.0},
         "temperature is 0.0; logits are divided by it; choose temperature > 0"),
        ("distillation", (X, X), {"soft_share": 2},
         "soft_share is 2; labels count the rest; choose 0 <= soft_share <= 1"),
        ("weighted_tasks", (X, X[0]), {}, "the losses have shape [2, 3]; each task has one number; "
         "reduce each to its mean first"),
        ("ctc", (CTC[0], CTC[1] * 0), {}, "labels hold 0, the blank; it stands between labels; "
         "number the labels without it, or pass another blank="),
        ("ctc", (CTC[0], CTC[1] * 4), {}, "labels run from 4 to 4; 4 classes are numbered 0 to 3; "
         "check the labels, or the number of outputs of the last layer"),
        ("ctc", (*CTC, np.asarray([6, 5])), {}, "input_lengths are outside 0 .. 5; there is no "
         "more to count; pass the lengths before padding"),
        ("ctc", (*CTC, None, np.asarray([3])), {}, "target_lengths is int64[1]; each sequence has "
         "its own length; pass integers of shape [2]"),
        ("ctc", (CTC[0], CTC[1][0]), {}, "logits have shape [2, 5, 4], labels [3]; they are "
         "(..., steps, classes) and (..., longest); put the batch first, and pad the labels to one "
         "length"),
        ("ctc", CTC[::-1], {}, "logits are int64, labels float64; logits are floats, labels count "
         "classes; exchange the arguments, or cast them"),
    ],
)  # fmt: skip
def test_refuses(name, arguments, options, text):
    assert message(getattr(losses, name), *arguments, **options) == f"[{name}] {text}"
