"""The report: what it tells, against scikit-learn and NumPy; any name is only text in it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk
from sklearn.base import BaseEstimator
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance

from chainrule import train
from chainrule.data import Target
from chainrule.metrics import Interval
from chainrule.train import scores
from chainrule.train.report import facts, page
from chainrule.train.report.advice import advise
from chainrule.train.report.chart import Chart, Scale
from chainrule.train.report.html import tag
from chainrule.train.report.judged import comparison, verdict
from chainrule.train.report.wrong import errors
from chainrule.train.scores import Prediction
from chainrule.train.tables.committee import network_in
from chainrule.train.tables.evidence import gather

HOSTILE = '<script>alert("1 & 2")</script>'
VOID = {"meta", "link"}
RNG = np.random.default_rng(4)


class Reader(HTMLParser):
    """Checks that every element is closed where it was opened; keeps text and names."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stack, self.names, self.text = [], [], []

    def handle_starttag(self, name, attributes):
        self.names.append(name)
        if name not in VOID:
            self.stack.append(name)

    def handle_endtag(self, name):
        assert self.stack.pop() == name

    def handle_data(self, data):
        self.text.append(data)


def read_html(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.stack
    return reader


@pytest.fixture(scope="module")
def hostile():
    """Names of columns, labels and values that are markup."""
    rows = 120
    kind = np.asarray([HOSTILE, "b>a", '"q" & <i>'])[np.arange(rows) % 3]
    frame = pl.DataFrame(
        {
            HOSTILE: RNG.normal(size=rows),
            'a"b': kind,
            "<b>": RNG.normal(size=rows),
            "label": np.where(RNG.normal(size=rows) > 0, "<u>yes", "no&"),
        }
    )
    run = train.fit(frame, "label", epochs=3)
    return gather(run, run.evidence)


@pytest.fixture(scope="module")
def diabetes():
    return train.fit("diabetes", epochs=20, members=1, limit=1e5, activation="relu")


@pytest.fixture(scope="module")
def diabetes_report(diabetes):
    return gather(diabetes, diabetes.evidence)


# ---- The page ----


def test_any_text_is_only_text(hostile):
    found = page(hostile)
    reader = read_html(found)
    assert not {"script", "b", "i", "u"} & set(reader.names)
    text = "".join(reader.text)
    for name in (HOSTILE, "<u>yes", "no&", 'a"b', "<b>"):
        assert name in text
    assert "<script" not in found


def test_nothing_outside_is_asked_for(hostile, diabetes_report):
    for report in (hostile, diabetes_report):
        found = page(report)
        links = re.findall(r'(?:href|src|srcset|action)="([^"]*)"', found)
        assert links and all(link.startswith(("#", "data:")) for link in links)
        assert "@import" not in found and "url(" not in found
        assert "default-src 'none'" in found.replace("&#x27;", "'")


def test_sections_without_facts_are_left_out(diabetes_report):
    subject = diabetes_report.subject
    names = [name for name in facts.Report.__dataclass_fields__ if name not in ("subject", "rules")]
    whole = page(diabetes_report)
    assert len(re.findall("<section", page(facts.Report(subject)))) == 1
    for name in names:
        one = facts.Report(subject, **{name: getattr(diabetes_report, name)})
        assert len(page(one)) <= len(whole)
        read_html(page(one))


def test_every_link_leads_to_a_section(diabetes_report):
    found = page(diabetes_report)
    keys = re.findall('href="#([a-z]+)"', found)
    assert len(keys) >= 10
    assert all(f'id="{key}"' in found for key in keys)


def test_elements_escape_children_and_attributes():
    found = tag("p", "a<b", tag("em", "x & y"), None, class_='"', title="<")
    assert found == '<p class="&quot;" title="&lt;">a&lt;b<em>x &amp; y</em></p>'


# ---- Figures ----


def test_folder_has_the_report(diabetes, tmp_path):
    folder = train.save(diabetes, tmp_path / "run")
    reader = read_html((folder / "report.html").read_text(encoding="utf-8"))
    figure = f"{diabetes.record['metrics']['network']['RMSE']:.2f}"
    assert figure in " ".join(reader.text)


def test_run_that_is_read_back_is_saved_without_a_report(diabetes, tmp_path):
    back = train.load(train.save(diabetes, tmp_path / "run"))
    assert not (train.save(back, tmp_path / "again") / "report.html").exists()


def test_errors_of_classes_are_those_of_scikit_learn():
    p = RNG.dirichlet(np.ones(2), 300)
    truth = (RNG.uniform(size=300) < p[:, 1]).astype(int)
    target = Target("y", "classification", "", ("a", "b"))
    labels = np.asarray(["a", "b"])
    said = Prediction(labels[p.argmax(1)], p)
    found = errors(target, labels[truth], said, scores.intervals_of(target, labels[truth], said))
    expected = sk.confusion_matrix(truth, p.argmax(1))
    np.testing.assert_array_equal(found["confusion"].counts, expected)
    assert found["ranking"].auc.value == pytest.approx(sk.roc_auc_score(truth, p[:, 1]))
    area = found["ranking"].average_precision
    assert area == pytest.approx(sk.average_precision_score(truth, p[:, 1]))
    right, sure = p.argmax(1) == truth, p.max(1)
    frequency, confidence = calibration_curve(right, sure, n_bins=10)
    np.testing.assert_allclose(
        np.asarray(found["calibration"].bins)[:, :2], np.stack([confidence, frequency], 1)
    )
    assert sum(found["calibration"].spread.counts) == 300


def test_errors_of_numbers():
    said, values = RNG.normal(size=200), RNG.normal(size=200)
    found = errors(Target("y", "regression", ""), values, Prediction(said), {})["residuals"]
    np.testing.assert_allclose(found.pairs, np.stack([said, values], 1))
    assert found.bias == pytest.approx(np.mean(said - values))
    sizes = [size for size, share in found.within if share <= 0.5]
    assert sizes[-1] == pytest.approx(np.sort(np.abs(said - values))[99])


def test_largest_errors_are_rows_of_the_file(diabetes, diabetes_report):
    """Found again among the rows of the whole table."""
    problem = diabetes.evidence.problem
    part = problem.parts["validation"]
    frame = problem.table.frame
    off = np.abs(diabetes.predict(problem.table).values - frame["target"].to_numpy())
    expected = part.rows[np.argsort(-off[part.rows])][:10] + 1
    found = diabetes_report.mistakes
    assert [row[0] for row in found.rows] == expected.tolist()
    number, true, _, wrong, cells = found.rows[0]
    assert float(true) == frame["target"][number - 1]
    assert wrong == pytest.approx(off[number - 1], rel=1e-5)
    assert cells[0] == f"{frame[found.columns[0]][number - 1]:.4g}"


def test_rows_without_a_target_count_too():
    frame = pl.DataFrame({"x": np.arange(60.0) % 7, "y": [None] * 5 + [0.5 * i for i in range(55)]})
    run = train.fit(frame, "y", epochs=2)
    for number, true, *_ in gather(run, run.evidence).mistakes.rows:
        assert float(true) == 0.5 * (number - 6)


def test_importance_is_that_of_scikit_learn(diabetes, diabetes_report):
    part = diabetes.evidence.problem.parts["validation"]
    table, frame = diabetes.evidence.problem.table, diabetes.evidence.problem.table.frame

    class Model(BaseEstimator):
        def fit(self):
            """scikit-learn asks for it."""

        def predict(self, x):
            columns = {name: x[:, place] for place, name in enumerate(diabetes.kinds)}
            return diabetes.predict(type(table)("t", pl.DataFrame(columns), "")).values

    x = frame.select(list(diabetes.kinds)).to_numpy()[part.rows]
    expected = permutation_importance(
        Model(), x, part.values, scoring="neg_root_mean_squared_error", n_repeats=5, random_state=0
    )
    by_name = dict(zip(diabetes.kinds, expected.importances_mean))
    found = {name: mean for name, mean, _ in diabetes_report.importance.columns}
    assert {*list(found)[:2]} == {*sorted(by_name, key=lambda name: -by_name[name])[:2]}
    for name, mean in found.items():
        spread = expected.importances_std[list(diabetes.kinds).index(name)]
        assert mean == pytest.approx(by_name[name], abs=4 * spread + 0.05)


def test_recipe_names_the_rules_behind_it(diabetes, diabetes_report):
    found = {choice.name: choice for choice in diabetes_report.recipe}
    assert found["activation"].reason == "as asked" and found["activation"].items == ()
    assert "F-054" in found["schedule"].items
    assert found["schedule"].reason == diabetes.record["recipe"]["reasons"]["schedule"]
    assert "activation: relu (as asked)" in diabetes_report.rules


def test_layers_are_looked_at_without_a_trace(diabetes, diabetes_report):
    before = {path: box.numpy().copy() for path, box in diabetes.model.parameters().items()}
    again = gather(diabetes, diabetes.evidence)
    for path, box in diabetes.model.parameters().items():
        np.testing.assert_array_equal(box.numpy(), before[path])
    assert again.layers == diabetes_report.layers
    assert [layer.path for layer in again.layers] == [
        "Linear 1", "ReLU 1", "Linear 2", "ReLU 2", "Linear 3",
    ]  # fmt: skip
    best = diabetes.record["training"]["best_epoch"]
    epochs = [epoch for epoch, _ in again.layers[0].gradient]
    assert epochs == [*(n for n in (0, 1, 2, 4, 8, 16) if n < best), best]


def test_norms_of_layers_are_those_of_handmade_gradients(diabetes, diabetes_report):
    """The last layer, y = W h + b with the loss mean (y - t)^2, of the network that is kept."""
    part = diabetes.evidence.problem.parts["training"]
    x, t = part.x[:256].astype(float), part.y[:256].astype(float)
    boxes = network_in(diabetes.model).parameters()
    weights = {path: box.numpy().astype(float) for path, box in boxes.items()}
    layers = sorted({path.rpartition(".")[0] for path in weights})
    h = x
    for path in layers[:-1]:
        h = np.maximum(h @ weights[f"{path}.weight"] + weights[f"{path}.bias"], 0)
    y = h @ weights[f"{layers[-1]}.weight"] + weights[f"{layers[-1]}.bias"]
    g = 2 * (y[:, 0] - t) / len(t)
    expected = np.sqrt(np.sum((h.T @ g) ** 2) + g.sum() ** 2)
    best = diabetes.record["training"]["best_epoch"]
    assert dict(diabetes_report.layers[-1].gradient)[best] == pytest.approx(expected, rel=1e-4)
    assert dict(diabetes_report.layers[-1].deviation)[best] == pytest.approx(y.std(), rel=1e-4)


def test_of_several_networks_the_first_is_looked_at():
    run = train.fit("iris", epochs=4, members=3, linear=False)
    found = gather(run, run.evidence)
    one, part = run.model.member(0), run.evidence.problem.parts["training"]
    best = run.record["training"]["best_epoch"]
    assert dict(found.layers[-1].deviation)[best] == pytest.approx(
        one(part.x[:256]).numpy().std(), rel=1e-5
    )
    assert found.costs.parameters == 3 * sum(p.size for p in one.parameters().values())


# ---- What it says ----


def compared(ours, theirs, values):
    target = Target("y", "regression", "")
    answers = {"network": Prediction(ours), "line": Prediction(theirs)}
    return comparison(target, values, answers, "test")


@pytest.mark.parametrize(
    ("noise", "answer"), [((0.1, 1.0), "yes"), ((1.0, 0.1), "no"), ((1.0, 1.0), "not yet")]
)
def test_verdict_follows_the_margin(noise, answer, diabetes_report):
    values = RNG.normal(size=200)
    ours, theirs = (values + size * RNG.normal(size=200) for size in noise)
    found = compared(ours, theirs, values)
    assert verdict(facts.Report(diabetes_report.subject, comparison=found)).answer == answer


def test_margin_is_positive_where_ours_is_better():
    values = np.arange(50.0)
    found = compared(values + 1, values + 3, values)
    assert found.margin == Interval(2.0, 2.0, 2.0)


def test_intervals_of_many_rows_are_those_of_few_but_narrower(monkeypatch):
    """Against the interval of all rows."""
    values = RNG.normal(size=4000)
    ours, theirs = (values + size * RNG.normal(size=4000) for size in (1.0, 1.1))
    whole = compared(ours, theirs, values)
    monkeypatch.setattr(scores, "ROWS", 1000)
    few = compared(ours, theirs, values)
    for one, other in (
        (whole.margin, few.margin),
        (whole.figures["network"]["RMSE"], few.figures["network"]["RMSE"]),
    ):
        assert other.value == pytest.approx(one.value)
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.2)


def learning(training, validation, on=(0.9, 0.9), best=5, epochs=20):
    curve = facts.Curve(
        "loss",
        tuple((n + 1.0, v) for n, v in enumerate(training)),
        tuple((n + 1.0, v) for n, v in enumerate(validation)),
    )
    return facts.Learning((curve,), best, epochs, "", 1.0, "accuracy", *on)


FALLING = [1.0 / (n + 1) for n in range(20)]
JUMPING = [1.0 if n % 2 else 0.5 for n in range(20)]


def layer(**figures):
    series = {name: tuple((float(n), v) for n, v in enumerate(x)) for name, x in figures.items()}
    return facts.Layer("ReLU 1", "ReLU", **series)


@pytest.mark.parametrize(
    ("item", "section"),
    [
        ("E-047", {"learning": learning(JUMPING, JUMPING)}),
        ("E-053", {"learning": learning(FALLING, FALLING, on=(0.99, 0.7))}),
        ("E-048", {"learning": learning(FALLING, FALLING, best=20)}),
        ("E-096", {"confusion": facts.Confusion(("a", "b"), ((95, 0), (4, 1)))}),
        (
            "E-097",
            {
                "calibration": facts.Calibration(
                    "", ((0.9, 0.6, 10),), 0.3, 0.9, 0.6, facts.Bins((0, 1), (10,))
                )
            },
        ),
        (
            "E-095",
            {"residuals": facts.Residuals((), (), facts.Bins((0, 1), (1,)), 0.0, 1.0, 9.0)},
        ),
        ("E-065", {"layers": (layer(dead=[0.0, 0.9]),)}),
        ("E-066", {"layers": (layer(saturated=[0.0, 0.9]),)}),
        ("E-063", {"layers": tuple(layer(gradient=[x]) for x in (1e-6, 1e-3, 1.0))}),
        ("E-064", {"layers": tuple(layer(gradient=[x]) for x in (1e6, 1e3, 1.0))}),
    ],
)
def test_advice_follows_what_was_found(item, section, hostile):
    """With what speaks for it the advice comes; without, it does not."""
    subject = hostile.subject
    calm = {
        "learning": learning(FALLING, FALLING),
        "confusion": facts.Confusion(("a", "b"), ((50, 1), (1, 50))),
    }
    found = [i for one in advise(facts.Report(subject, **{**calm, **section})) for i in one.items]
    quiet = [i for one in advise(facts.Report(subject, **calm)) for i in one.items]
    assert item in found and item not in quiet


def test_errors_in_the_data_come_first():
    rows = 60
    y = np.arange(rows) % 2
    frame = pl.DataFrame({"x": RNG.normal(size=rows), "told": y.astype(str), "y": y})
    run = train.fit(frame, "y", epochs=2)
    found = gather(run, run.evidence)
    assert found.verdict.answer == "not yet"
    assert found.advice[0].step == "Mend the data"
    assert "'told'" in found.advice[0].reason


# ---- Drawing ----


@pytest.mark.parametrize("low", [-1e9, -3.0, 0.0, 1e-9, 0.7, 1234.0])
@pytest.mark.parametrize("width", [1e-9, 0.3, 7.0, 1e8])
def test_ticks_lie_within_and_differ(low, width):
    scale = Scale.of([low, low + width])
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 8
    assert all(scale.low <= value <= scale.high for value, _ in ticks)
    assert len({value for value, _ in ticks}) == len(ticks)


@pytest.mark.parametrize("values", [[1e-7, 1e4], [0.02, 0.9], [1.0, 1.2], [5.0]])
def test_logarithmic_ticks_lie_within(values):
    scale = Scale.of(values, logarithmic=True)
    assert 2 <= len(scale.ticks()) <= 8
    assert all(scale.low <= value <= scale.high for value, _ in scale.ticks())


def test_points_are_placed_in_the_drawing():
    chart = Chart("t", "s", Scale(0.0, 10.0), Scale(1.0, 100.0, True), "x", "y")
    left, bottom = chart.place(0, 1)
    right, top = chart.place(10, 100)
    middle = chart.place(5, 10)
    assert middle == pytest.approx(((left + right) / 2, (bottom + top) / 2), abs=0.1)
    assert (left, top) < (right, bottom)
    chart.line(((0.0, 1.0), (5.0, 10.0), (10.0, float("nan"))), "one")
    assert f'points="{left:g},{bottom:g} {middle[0]:g},{middle[1]:g}"' in chart.svg()


@pytest.mark.parametrize(("bits", "says"), [(2.7, True), (2.0, False)])
def test_a_text_that_lost_to_simpler_models_is_told_to_train_longer(bits, says, hostile):
    figures = {
        name: {"bits per character": Interval(value, value, value)}
        for name, value in (("network", bits), ("5-grams", 2.4))
    }
    lead = Interval(2.4 - bits, 2.4 - bits, 2.4 - bits)
    compared = facts.Comparison(
        "test", 900, "bits per character", figures, {"bits per character": False}, "5-grams", lead
    )
    subject = replace(hostile.subject, task="text")
    found = advise(facts.Report(subject, comparison=compared))
    assert any(one.step.startswith("Train longer: twice the --minutes") for one in found) == says


def test_pages_name_no_items_of_the_checklist(diabetes_report):
    assert not re.search(r"\b[A-G]-\d{3}\b", page(diabetes_report))
