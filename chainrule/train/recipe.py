"""From a recipe to what is trained: receives names and numbers; hands on model, loss, optimizer,
metrics and a trainer of them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import chainrule as cr
from chainrule import metrics, nn, optim
from chainrule.advisor import Recipe, names
from chainrule.data import Target
from chainrule.errors import ArgumentError
from chainrule.train.trainer.callbacks import Averaging, Callback, EarlyStopping, OnPlateau
from chainrule.train.trainer.clock import Clock, Gone
from chainrule.train.trainer.trainer import Trainer


def build(recipe: Recipe, inputs: int, outputs: int) -> nn.Module:
    """The network, with weights drawn from the global random stream.

    >>> from chainrule.advisor import Recipe
    >>> from chainrule.train.recipe import build
    >>> build(Recipe(hidden=(8, 8), norm="layer"), 4, 3)(cr.ones((5, 4))).shape
    (5, 3)
    """
    if recipe.members == 1:
        return _network(recipe, inputs, outputs)
    logits = recipe.loss in names.CLASSIFICATION_LOSSES
    return nn.Together(partial(_network, recipe, inputs, outputs), recipe.members, logits)


def _network(recipe: Recipe, inputs: int, outputs: int) -> nn.Sequential:
    layers: list[Any] = [nn.Limit(recipe.limit)] if recipe.limit else []
    layers += [nn.Dropout(recipe.input_dropout)] if recipe.input_dropout else []
    width = inputs
    for size in recipe.hidden:
        layer = _layer(recipe, width, size)
        adds = recipe.residual and width == size
        layers += [nn.Add(nn.Identity(), nn.Sequential(*layer))] if adds else layer
        width = size
    # Small logits at the start: all classes, or the mean, to begin with.
    last = nn.Linear(width, outputs, init=nn.init.xavier_normal(), bias_init=nn.init.zeros())
    return nn.Sequential(*layers, last)


def _layer(recipe: Recipe, width: int, size: int) -> list[Any]:
    """A hidden layer: its product, norm, activation and dropout."""
    if recipe.initialisation == "auto":
        init = nn.init.for_activation(recipe.activation)
    else:
        init = names.INITIALISATIONS[recipe.initialisation]()
    norm = names.NORMS[recipe.norm]
    return [
        nn.Linear(width, size, init=init, bias_init=nn.init.zeros()),
        *([norm(size)] if norm else []),
        names.ACTIVATIONS[recipe.activation](),
        *([nn.Dropout(recipe.dropout)] if recipe.dropout else []),
    ]


def make_loss(recipe: Recipe, target: Target | None = None) -> Callable:
    """The loss of a recipe, of (prediction, target) and `sample_weight`.

    Predictions are [rows, outputs]; of several members, [members, rows, outputs]. Labels are
    [rows], or for "bce" also [rows, labels] of 0 and 1; numbers are [rows], or [rows, outputs]; for
    a committee all are [rows, members], with weights. A share of the target, "mape", is one of its
    original units, to which a regression's `target` brings it back.
    """
    compute: Callable = partial(names.LOSSES[recipe.loss], **recipe.loss_options)
    if recipe.label_smoothing:
        compute = partial(compute, label_smoothing=recipe.label_smoothing)
    if recipe.loss == "bce":
        compute = partial(_binary, compute)
    elif recipe.loss == "mape" and target is not None:
        compute = partial(_in_units, compute, target.in_units)
    elif recipe.loss in names.REGRESSION_LOSSES:
        compute = partial(_of_numbers, compute)
    if recipe.members == 1:
        return compute
    return partial(_of_committee if recipe.takes_turns else _of_members, compute)


def _of_committee(compute: Callable, prediction: cr.Tensor, target: Any, **weights: Any) -> Any:
    """The mean over members of which each has its own weight for a row."""
    if prediction.ndim == 2:
        return compute(prediction, target, **weights)
    told = {name: _in_turn(given) for name, given in weights.items()}
    return compute(cr.reshape(prediction, (-1, prediction.shape[-1])), _in_turn(target), **told)


def _in_turn(given: Any) -> cr.Tensor:
    """[rows, members], one member after the other."""
    return cr.reshape(cr.permute_dims(cr.asarray(given), (1, 0)), (-1,))


def _of_members(compute: Callable, prediction: cr.Tensor, target: Any, **weights: Any) -> Any:
    """The mean over members, as over so many more rows; in use they are one."""
    target = cr.asarray(target)
    if prediction.ndim == 2:
        return compute(prediction, target, **weights)
    members = prediction.shape[0]
    told = {name: cr.tile(cr.asarray(given), (members,)) for name, given in weights.items()}
    targets = cr.tile(target, (members, *(1 for _ in target.shape[1:])))
    return compute(cr.reshape(prediction, (-1, prediction.shape[-1])), targets, **told)


def _binary(compute: Callable, prediction: cr.Tensor, target: Any, **options: Any) -> cr.Tensor:
    """Of two classes the difference of their logits is the one of the second."""
    target = cr.asarray(target)
    if target.ndim < prediction.ndim:
        if prediction.shape[-1] != 2:
            raise ArgumentError(
                "fit",
                f"the loss 'bce' with {prediction.shape[-1]} classes",
                "it is of two classes, or of several labels a row",
                "choose loss='cross_entropy'",
            )
        prediction = prediction[..., 1] - prediction[..., 0]
    return compute(prediction, cr.astype(target, prediction.dtype), **options)


def _of_numbers(compute: Callable, prediction: cr.Tensor, target: Any, **options: Any) -> cr.Tensor:
    """One output for each row lies in a column."""
    target = cr.asarray(target)
    if target.ndim < prediction.ndim:
        prediction = prediction[..., 0]
    return compute(prediction, target, **options)


def _in_units(
    compute: Callable, in_units: Callable, prediction: cr.Tensor, target: Any, **options: Any
) -> cr.Tensor:
    return _of_numbers(compute, in_units(prediction), in_units(cr.asarray(target)), **options)


def make_schedule(recipe: Recipe, steps: int) -> Any:
    """The schedule of a recipe, for so many steps in all."""
    make, numbers = names.SCHEDULES[recipe.schedule]
    return _made(
        "schedule", make, **{**numbers(recipe.learning_rate, steps), **recipe.schedule_options}
    )


def make_optimizer(recipe: Recipe, model: nn.Module, rows: int) -> optim.Optimizer:
    """The optimizer with its schedule, for so many rows an epoch. A schedule that moves the
    momentum does so where the recipe names none.
    """
    steps = -(-rows // recipe.batch_size) * recipe.epochs
    schedule = make_schedule(recipe, steps)
    rate = Gone(schedule, steps) if _by_clock(recipe, schedule) else schedule
    wrapped = recipe.optimizer in names.WRAPPERS
    make = optim.AdamW if wrapped else names.OPTIMIZERS[recipe.optimizer]
    given: dict[str, Any] = {
        "weight_decay": recipe.weight_decay,
        "momentum": recipe.momentum,
        "groups": optim.undecayed("*bias"),
    }
    if recipe.momentum is None and "momentum" in _parameters(make):
        given["momentum"] = schedule.momentum
    options: Mapping[str, Any] = {} if wrapped else recipe.optimizer_options
    given = {name: value for name, value in given.items() if value is not None}
    optimizer = _made("optimizer", make, model, rate, **given, **options)
    if wrapped:
        around = names.WRAPPERS[recipe.optimizer]
        return _made("optimizer", around, optimizer, **recipe.optimizer_options)
    return optimizer


def _by_clock(recipe: Recipe, schedule: Any) -> bool:
    """Whether the rate follows the time as well: that of a plateau follows the loss alone."""
    return recipe.minutes is not None and not isinstance(schedule, optim.schedules.Plateau)


@functools.cache
def _parameters(make: Callable) -> Mapping[str, inspect.Parameter]:
    """By name: of a class of the tables of names, so there are few."""
    return inspect.signature(make).parameters


def _made(part: str, make: Callable, *arguments: Any, **options: Any) -> Any:
    """A part from its options. Raises ArgumentError for one that it does not have."""
    known = _parameters(make)
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ArgumentError(
            "fit",
            f"the {part} {make.__name__} has no {unknown[0]}",
            f"it has {', '.join(known)}",
            "leave it out, or choose another",
        )
    return make(*arguments, **options)


def make_metrics(target: Target) -> dict[str, Any]:
    """What is told of each epoch: the accuracy, or the RMSE in original units; of members, their
    mean.
    """

    def right(prediction: cr.Tensor, truth: cr.Tensor) -> cr.Tensor:
        answer = cr.argmax(prediction, axis=-1)
        return _of_rows(cr.astype(answer == _members_first(truth), cr.float32), truth)

    def squares(prediction: cr.Tensor, truth: cr.Tensor) -> cr.Tensor:
        answer = target.in_units(cr.clip(prediction[..., 0], *target.bounds))
        errors = answer - target.in_units(_members_first(truth))
        return _of_rows(cr.square(errors), truth)

    if target.classes:
        return {"accuracy": metrics.averaged(right)}
    return {"rmse": metrics.averaged(squares, finish=cr.sqrt)}


def _members_first(truth: cr.Tensor) -> cr.Tensor:
    return truth if truth.ndim == 1 else cr.permute_dims(truth, (1, 0))


def _of_rows(values: cr.Tensor, truth: cr.Tensor) -> cr.Tensor:
    """[rows], the mean over members; [rows, members] where each has targets of its own."""
    if truth.ndim > 1:
        return cr.permute_dims(values, (1, 0))
    return values if values.ndim == 1 else cr.mean(values, axis=0)


def make_callbacks(recipe: Recipe, model: nn.Module, optimizer: optim.Optimizer) -> list[Callback]:
    """What must be told of epochs and steps for this recipe: averages, plateaus, the clock."""
    found: list[Callback] = []
    average = names.AVERAGES[recipe.averaging]
    if average is not None:
        found.append(Averaging(_made("averaging", average, model, **recipe.averaging_options)))
    schedule = vars(optimizer.hyperparameters)["learning_rate"]
    if isinstance(schedule, optim.schedules.Plateau):
        found.append(OnPlateau(schedule))
    if recipe.minutes is not None:
        found.append(Clock([schedule] if isinstance(schedule, Gone) else [], recipe.minutes))
    return found


def make_trainer(
    recipe: Recipe,
    model: nn.Module,
    rows: int,
    callbacks: Iterable[Callback] = (),
    *,
    target: Target | None = None,
    metrics: Any = (),
    seed: int = 0,
    stops: bool = True,
) -> Trainer:
    """A trainer of the model by the recipe, for so many rows an epoch. Its `fit` takes
    `fit_options`; without validation data it cannot stop early: `stops=False`.
    """
    optimizer = make_optimizer(recipe, model, rows)
    own = make_callbacks(recipe, model, optimizer)
    if stops:
        own.append(EarlyStopping(patience=recipe.patience))
    return Trainer(
        model,
        make_loss(recipe, target),
        optimizer,
        metrics,
        [*callbacks, *own],
        clip_norm=recipe.clip_norm,
        seed=seed,
    )


def fit_options(recipe: Recipe, rows: int) -> dict[str, Any]:
    """What `Trainer.fit` is told of a recipe, for so many rows. Where norms need two rows a batch
    and one would be left over, batches are a row larger.
    """
    weights = None if recipe.class_weights == "none" else recipe.class_weights
    size = recipe.batch_size
    while recipe.norm == "batch" and rows % size == 1:
        size += 1
    return {"epochs": recipe.epochs, "batch_size": size, "class_weight": weights}
