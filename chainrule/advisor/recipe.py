"""The recipe: every choice that a training needs, as names and numbers that JSON can hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from typing import Any

from chainrule.advisor import names
from chainrule.advisor.numbers import check_numbers
from chainrule.errors import ArgumentError, unknown
from chainrule.words import counted

# The lines in which a recipe is told, and the fields that each is about.
CHOICES = {
    "inputs": ("limit",),
    "network": ("hidden", "residual", "members"),
    "held out": ("committee",),
    "beside it": ("linear",),
    "activation": ("activation",),
    "norm": ("norm",),
    "initialisation": ("initialisation",),
    "dropout": ("input_dropout", "dropout"),
    "loss": ("loss", "loss_options", "label_smoothing", "class_weights"),
    "optimizer": (
        "optimizer",
        "optimizer_options",
        "learning_rate",
        "weight_decay",
        "momentum",
        "clip_norm",
    ),
    "schedule": ("schedule", "schedule_options"),
    "averaging": ("averaging", "averaging_options"),
    "batch size": ("batch_size",),
    "epochs": ("epochs", "minutes"),
    "patience": ("patience",),
}
NAMED: dict[str, Any] = {
    "activation": names.ACTIVATIONS,
    "norm": names.NORMS,
    "initialisation": ("auto", *names.INITIALISATIONS),
    "loss": names.LOSSES,
    "optimizer": (*names.OPTIMIZERS, *names.WRAPPERS),
    "schedule": names.SCHEDULES,
    "averaging": names.AVERAGES,
}
NUMBERS = {
    "whole": ("members", "batch_size", "epochs", "patience"),
    "positive": ("minutes", "learning_rate", "clip_norm"),
    "shares": ("input_dropout", "dropout", "label_smoothing", "momentum"),
    "not_negative": ("limit", "weight_decay"),
}
# What may be None; a command line calls it none.
OPTIONAL = ("minutes", "patience", "weight_decay", "momentum", "clip_norm")
OPTIONS = ("loss_options", "optimizer_options", "schedule_options", "averaging_options")
SWITCHES = ("residual", "committee", "linear")


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how. `reasons` has a line for each group of choices.

    - The network: `hidden` layers of so many units, each a product, the `norm` ("none", "batch",
      "layer", "rms"), the `activation` and `dropout`; with `residual` a layer of the width of the
      one before it adds to it. `initialisation` "auto" is the one for the activation (He, Xavier or
      LeCun). So many `members` are trained at once and answer together (`nn.Together`); their
      inputs are softly bounded to +-`limit` (`nn.Limit`), if that is not 0.
    - In a `committee` each member leaves other rows out of its training, and is judged by these;
      else all leave the validation part out. `linear` puts a linear model of the inputs beside the
      network, with the share of the answer that held-out rows are best told by.
    - The loss, by name: "cross_entropy", "focal", "bce" (for two classes, or several labels a row),
      "hinge"; "mse", "mae", "huber", "smooth_l1", "log_cosh", "quantile", "mape".
      `class_weights` are "none", "balanced", or one number for each class.
    - The optimizer, by the name of its class; "Lookahead" and "SAM" are around AdamW. What is None,
      and what is not among its options, is as the class has it.
    - The schedule, by name; "averaging" of the weights is "none", "ema" or "swa". `patience` None
      never stops early. With `minutes` training ends when they are gone, and the schedule with it,
      but for "plateau"; the same seed then gives the same run only on a machine as fast.

    Options are keyword arguments of what is named: `loss_options={"quantile": 0.9}`. Names are
    found whatever their capitals and underscores. Raises ArgumentError for what does not exist.

    >>> from chainrule.advisor import Recipe
    >>> Recipe(hidden=(32,), activation="tanh", optimizer="sgd", momentum=0.9).optimizer
    'SGD'
    """

    limit: float = 0.0
    hidden: tuple[int, ...] = (64, 32)
    residual: bool = False
    members: int = 1
    committee: bool = False
    linear: bool = False
    activation: str = "relu"
    norm: str = "none"
    initialisation: str = "auto"
    input_dropout: float = 0.0
    dropout: float = 0.0
    loss: str = "cross_entropy"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    label_smoothing: float = 0.0
    class_weights: str | tuple[float, ...] = "none"
    optimizer: str = "AdamW"
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float = 2e-3
    weight_decay: float | None = None
    momentum: float | None = None
    clip_norm: float | None = None
    schedule: str = "cosine"
    schedule_options: Mapping[str, Any] = field(default_factory=dict)
    averaging: str = "none"
    averaging_options: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 32
    epochs: int = 100
    minutes: float | None = None
    patience: int | None = 25
    reasons: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in NAMED.items():
            self._set(name, names.named(name, getattr(self, name), known))
        for name in OPTIONAL:
            self._set(name, None if getattr(self, name) == "none" else getattr(self, name))
        self._set("hidden", _sizes(self.hidden))
        self._set("class_weights", _class_weights(self.class_weights))
        check_numbers(vars(self), **NUMBERS)
        self._check_options()
        self._check_together()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_options(self) -> None:
        for name in SWITCHES:
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ArgumentError("fit", f"{name} is {value!r}", "it is true or false")
        for name in OPTIONS:
            if not isinstance(getattr(self, name), Mapping):
                raise ArgumentError(
                    "fit",
                    f"{name} is {getattr(self, name)!r}",
                    "it has options by name",
                    "write, for example, {'gamma': 2}",
                )

    def _check_together(self) -> None:
        if self.label_smoothing and self.loss not in ("cross_entropy", "bce"):
            raise ArgumentError(
                "fit",
                f"label_smoothing={self.label_smoothing:g} with the loss {self.loss!r}",
                "only cross_entropy and bce smooth labels",
                "choose one of them, or label_smoothing=0",
            )
        if self.members > 1 and self.norm == "batch":
            raise ArgumentError(
                "fit",
                f"members={self.members} with norm='batch'",
                "statistics of batches have no place for each member",
                "choose norm='layer', or members=1",
            )
        if self.averaging == "swa" and self.norm == "batch":
            raise ArgumentError(
                "fit",
                "averaging='swa' with norm='batch'",
                "mean weights need the batch norms' statistics anew",
                "choose norm='layer', or averaging='ema'",
            )

    @property
    def takes_turns(self) -> bool:
        """Whether members leave out other rows each; one alone cannot."""
        return self.committee and self.members > 1

    def to_json(self) -> dict[str, Any]:
        weights = self.class_weights
        return {
            **asdict(self),
            "hidden": list(self.hidden),
            "class_weights": weights if isinstance(weights, str) else list(weights),
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Recipe:
        """Runs of earlier versions lack what was not to be chosen then."""
        return Recipe(**found)


TUNABLE = tuple(one.name for one in fields(Recipe) if one.name != "reasons")


def _sizes(hidden: Any) -> tuple[int, ...]:
    sizes = tuple(hidden) if isinstance(hidden, Sequence) else (hidden,)
    if not all(isinstance(size, int) and size >= 1 for size in sizes):
        raise ArgumentError(
            "fit",
            f"hidden is {hidden!r}",
            "it says how many units each hidden layer has",
            "pass positive whole numbers, as in hidden=64,32",
        )
    return sizes


def _class_weights(wish: Any) -> str | tuple[float, ...]:
    if isinstance(wish, str):
        return names.named("class_weights", wish, names.CLASS_WEIGHTS)
    weights = tuple(wish) if isinstance(wish, Sequence) else (wish,)
    if not all(isinstance(weight, Real) for weight in weights):
        raise ArgumentError(
            "fit",
            f"class_weights is {wish!r}",
            "each class has a number",
            "pass numbers, 'balanced' or 'none'",
        )
    return tuple(map(float, weights))


def check_names(wanted: Iterable[str], known: Collection[str] = TUNABLE) -> None:
    """Raises ArgumentError for a choice that is not among the `known` ones."""
    for name in wanted:
        if name not in known:
            raise unknown("fit", "choice", name, known)


def check_choices(wanted: Mapping[str, Any]) -> None:
    """Raises ArgumentError for choices that no recipe has: to be called before any work is done."""
    chosen = {name: value for name, value in wanted.items() if value is not None}
    check_names(chosen)
    Recipe(**chosen)


def described(recipe: Recipe, inputs: int, outputs: int) -> dict[str, str]:
    """Each of `CHOICES` in words; without those that are left out of this recipe."""
    told = {
        "inputs": f"softly within +-{recipe.limit:g}" if recipe.limit else "none",
        "network": "-".join(map(str, (inputs, *recipe.hidden, outputs)))
        + ", residual" * recipe.residual
        + f", {recipe.members} of them" * (recipe.members > 1),
        "held out": "other rows for each of them" if recipe.takes_turns else "none",
        "beside it": "a linear model" if recipe.linear else "none",
        "activation": recipe.activation,
        "norm": recipe.norm,
        "initialisation": recipe.initialisation.replace("_", " "),
        "dropout": _dropout(recipe),
        "loss": _loss(recipe),
        "optimizer": _optimizer(recipe),
        "schedule": recipe.schedule.replace("_", " ") + _options(recipe.schedule_options),
        "averaging": recipe.averaging + _options(recipe.averaging_options),
        "batch size": str(recipe.batch_size),
        "epochs": f"{recipe.epochs}"
        + (f", within {counted(recipe.minutes, 'minute')}" if recipe.minutes else ""),
        "patience": str(recipe.patience or "none"),
    }
    unsaid = ("inputs", "held out", "beside it", "norm", "averaging")
    left_out = [name for name in unsaid if told[name] == "none"]
    return {name: words for name, words in told.items() if name not in left_out}


def _dropout(recipe: Recipe) -> str:
    inputs_too = f", {recipe.input_dropout:g} of the inputs" if recipe.input_dropout else ""
    return (f"{recipe.dropout:g}" if recipe.dropout else "none") + inputs_too


def _loss(recipe: Recipe) -> str:
    smoothed = f", smoothed by {recipe.label_smoothing:g}" if recipe.label_smoothing else ""
    if recipe.class_weights != "none":
        weights = recipe.class_weights
        smoothed += ", classes weighed " + (
            weights if isinstance(weights, str) else "-".join(f"{weight:g}" for weight in weights)
        )
    return recipe.loss.replace("_", " ") + _options(recipe.loss_options) + smoothed


def _optimizer(recipe: Recipe) -> str:
    words = f"{recipe.optimizer}, rate {recipe.learning_rate:g}"
    for name, value in (
        ("decay", recipe.weight_decay),
        ("momentum", recipe.momentum),
        ("clipped at", recipe.clip_norm),
    ):
        words += "" if value is None else f", {name} {value:g}"
    return words + _options(recipe.optimizer_options)


def _options(options: Mapping[str, Any]) -> str:
    return "".join(f", {name.replace('_', ' ')} {value}" for name, value in options.items())
