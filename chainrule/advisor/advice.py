"""Advice: receives a task and facts; hands on what the rules choose, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.advisor.facts import facts_of
from chainrule.advisor.names import CLASSIFICATION_LOSSES, LOSSES, REGRESSION_LOSSES, named
from chainrule.advisor.recipe import CHOICES, TUNABLE, Recipe, check_choices, described
from chainrule.advisor.rule import Condition, Facts, Rule
from chainrule.advisor.rules import RULES
from chainrule.data import Problem, prepare, read
from chainrule.errors import ArgumentError

ASKED = "as asked"
# What later rules ask about is chosen first.
FIRST = ("batch_size", "epochs", "activation", "norm", "members", "loss", "optimizer")
LOSSES_OF = {"classification": CLASSIFICATION_LOSSES, "regression": REGRESSION_LOSSES}
TABLES = tuple(LOSSES_OF)
# Questions that are not of a network: what holds of all networks does not answer them.
TOOLS = ("deployment", "differentiation", "framework", "training")


def _named_in(name: str) -> set[Any]:
    """All values of a fact that some rule names."""
    tests = [rule.when[name] for rule in RULES if name in rule.when]
    return {
        value for test in tests for value in (test.known if isinstance(test, Condition) else [test])
    }


TASKS = (*TABLES, *sorted(_named_in("task") - set(TABLES)))
FACTS = tuple(sorted({"inputs", *(name for rule in RULES for name in rule.when)}))


@dataclass(frozen=True)
class Choice:
    """What was chosen for a topic: by a rule, or as asked (then there is none). `over` are the
    rules that apply too, and lost; `ids` those of the guides that say so. Its text has the reasons,
    and the values that were not chosen.
    """

    topic: str
    value: Any
    rule: Rule | None
    over: tuple[Rule, ...] = ()

    @property
    def reason(self) -> str:
        if self.rule is None:
            return ASKED
        measured = f"; measured: {self.rule.measured}" if self.rule.measured else ""
        return self.rule.reason + measured

    @property
    def ids(self) -> tuple[str, ...]:
        return self.rule.ids if self.rule else ()

    def lines(self) -> list[str]:
        """The choice in words, and each rule that it overrides."""
        lines = [f"{self.topic.replace('_', ' ')}: {_words(self.value)} ({self.reason})"]
        uses = [f"cr.{use}" for use in self.rule.uses] if self.rule else []
        if uses:
            lines.append(f"    {', '.join(uses)}")
        why = ASKED if self.rule is None else f"this is for {self.rule.scenario}"
        others: dict[str, list[str]] = {}
        for rule in self.over:
            others.setdefault(_words(rule.choice), []).append(rule.reason)
        others.pop(_words(self.value), None)
        for value, reasons in others.items():
            lines.append(f"    not {value} ({'; '.join(dict.fromkeys(reasons))}): {why}")
        return lines

    def __repr__(self) -> str:
        return "\n".join(self.lines())


def _words(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True)
class Advice:
    """What suits a task: `choices`, each with its reasons, and for tables a `recipe` of them. Its
    text tells all of it.
    """

    facts: Mapping[str, Any]
    choices: tuple[Choice, ...]
    recipe: Recipe | None = None

    def __getitem__(self, topic: str) -> Choice:
        for choice in self.choices:
            if choice.topic == topic:
                return choice
        raise KeyError(topic)

    def __contains__(self, topic: str) -> bool:
        return any(choice.topic == topic for choice in self.choices)

    def __str__(self) -> str:
        facts = ", ".join(f"{n.replace('_', ' ')} {value}" for n, value in self.facts.items())
        return "\n".join([facts, *(f"  {line}" for one in self.choices for line in one.lines())])

    __repr__ = __str__


def advise(task: str, data: Any = None, *, target: str | None = None, **facts: Any) -> Advice:
    """What the rules advise for a task, and why: what was measured, and which rules gave way to a
    more special one (F-001 to F-078).

    `data` is a table, as `fit` takes it: its facts are found, and the advice has the `recipe` that
    `fit` would train. For others name facts, such as rows=500, batch_size=8, goal="quality",
    symptom="over-fitting", pretrained=True. Names of a recipe, such as activation="tanh", are
    choices that win. Raises ArgumentError, with the names that there are, for unknown tasks and
    facts.

    >>> from chainrule.advisor import advise
    >>> print("\\n".join(advise("segmentation", batch_size=4)["norm"].lines()[:1]))
    norm: group (large images leave room for few in a batch)
    >>> advise("classification", "iris").recipe.optimizer
    'AdamW'
    """
    task = named("task", task, TASKS)
    wanted = {name: value for name, value in facts.items() if name in TUNABLE}
    given = {name: value for name, value in facts.items() if name not in TUNABLE}
    for name in given:
        named("fact", name, FACTS)
    if data is not None:
        problem = data if isinstance(data, Problem) else _prepared(task, data, target)
        given = {**facts_of(problem), **given}
    elif task in TABLES and {"rows", "inputs"} <= given.keys():
        given["data"] = "table"
    given = {"task": task, **given}
    choices = tuple(_chosen(given, wanted))
    recipe = _recipe(choices, given) if given.get("data") == "table" else None
    return Advice(given, choices, recipe)


def _prepared(task: str, data: Any, target: str | None) -> Problem:
    if task not in TABLES:
        raise ArgumentError(
            "advise",
            f"data for the task {task!r}",
            "facts are found in tables",
            "name facts, such as rows=10_000, or leave data out",
        )
    return prepare(read(data), target, task=task)


def choose(problem: Problem, **wanted: Any) -> Recipe:
    """The recipe for a table. What is `wanted` (of `TUNABLE`, and not None) wins over the rules.
    Raises ArgumentError.
    """
    check_choices(wanted)
    wanted = {name: value for name, value in wanted.items() if value is not None}
    facts = facts_of(problem)
    _check_loss(wanted.get("loss"), facts["task"])
    return _recipe(tuple(_chosen(facts, wanted)), facts)


def _check_loss(loss: str | None, task: str) -> None:
    known = LOSSES_OF[task]
    if loss is not None and named("loss", loss, LOSSES) not in known:
        raise ArgumentError(
            "fit",
            f"the loss is '{loss}'",
            f"it is not one of a {task}",
            f"choose one of {', '.join(known)}",
        )


def _chosen(given: Facts, wanted: Mapping[str, Any]) -> Iterable[Choice]:
    """A choice for each topic that a rule or the user has something to say on. What is chosen is a
    fact for the rules that follow.
    """
    plain = Recipe(**wanted)  # With the names that are meant, and checked.
    facts = dict(given)
    known = [rule for rule in RULES if given["task"] not in TOOLS or "task" in rule.when]
    topics = dict.fromkeys([*FIRST, *(rule.topic for rule in known), *wanted])
    found: dict[str, Choice] = {}
    for topic in topics:
        about = [rule for rule in known if rule.topic == topic and rule.applies(facts)]
        rules = [rule.decided(facts) for rule in about]
        rules.sort(key=lambda rule: len(rule.when))
        if topic in wanted:
            found[topic] = Choice(topic, getattr(plain, topic), None, tuple(reversed(rules)))
        elif rules:
            *over, winner = rules
            found[topic] = Choice(topic, winner.choice, winner, tuple(reversed(over)))
        if topic in found:
            facts[topic] = found[topic].value
    return found.values()


def _recipe(choices: tuple[Choice, ...], facts: Facts) -> Recipe:
    made = {choice.topic: choice for choice in choices if choice.topic in TUNABLE}
    recipe = Recipe(**{topic: choice.value for topic, choice in made.items()})
    told = described(recipe, facts["inputs"], facts.get("classes", 1))
    reasons = {}
    for line in told:
        about = [made[name] for name in CHOICES[line] if name in made]
        asked = any(choice.rule is None for choice in about)
        why = [choice.rule.reason for choice in about if choice.rule and _shows(choice)]
        reasons[line] = ASKED if asked else "; ".join(dict.fromkeys(why))
    return Recipe(**{**vars(recipe), "reasons": reasons})


def _shows(choice: Choice) -> bool:
    """Whether the line has something to tell of it: what is off needs no reason, unless alone."""
    return bool(choice.value) or choice.topic == "dropout"
