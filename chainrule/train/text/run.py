"""The run of a text: receives a trained model and prompts; hands on how they go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

import chainrule as cr
from chainrule.data.texts import Alphabet
from chainrule.train.decoding import sample
from chainrule.train.fitting import seeded
from chainrule.train.run import Evidence, Run
from chainrule.train.text.model import GPT
from chainrule.train.text.recipe import TextRecipe

TEMPERATURE = 0.8
LENGTH = 500
AT_ONCE = 16  # Characters that one call draws; a reader sees them come.


@dataclass(frozen=True)
class TextRun(Run):
    """A model of the characters of a text.

    >>> from pathlib import Path
    >>> _ = Path("count.txt").write_text("0 1 2 3 4 5 6 7 8 9 " * 100)
    >>> run = cr.train.fit("count.txt", steps=4, layers=1, width=16, context=16)
    >>> len(run.continued("0 1 ", length=6))
    6
    """

    kind = "text"

    model: GPT
    alphabet: Alphabet
    record: Mapping[str, Any]
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    @classmethod
    def restored(cls, record: Mapping[str, Any], contents: Mapping[str, Any]) -> Self:
        alphabet = Alphabet(record["alphabet"])
        recipe = TextRecipe.from_json(record["recipe"])
        return cls(build(recipe, alphabet), alphabet, record)

    def continued(
        self,
        prompt: str = "\n",
        length: int = LENGTH,
        *,
        temperature: float = TEMPERATURE,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> str:
        """So many characters that follow a prompt, drawn as `train.sample` draws."""
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        return "".join(self.drawn(prompt, length, seed, **options))

    def drawn(self, prompt: str, length: int, seed: int = 0, **options: Any) -> Iterator[str]:
        """The same, a few characters at a time."""
        writer = self.writer
        with seeded(seed):
            writer.read(self.alphabet.encode(prompt or "\n"))
            for start in range(0, length, AT_ONCE):
                found = self.alphabet.decode(writer.written(options))
                yield found[: length - start]

    @cached_property
    def writer(self) -> Writer:
        return Writer(self.model, self.record["recipe"]["context"])


class Writer:
    """Writes on where it has read, a token at a time, with the keys and values of the tokens so far
    at hand. When these fill the context, it goes on from its last half.
    """

    def __init__(self, model: GPT, context: int) -> None:
        self.model, self.context = model, context
        self.caches = model.caches(1, context)
        self.tokens = np.zeros(0, np.int32)
        self._step = cr.jit(_logits)
        self._draw: dict[tuple, Any] = {}

    def read(self, tokens: np.ndarray) -> None:
        """Start afresh behind these tokens."""
        self.tokens = tokens[-self.context // 2 :]
        for cache in self.caches:
            cache.used.assign(cr.asarray(0))
        # The last one is read by the step that draws what follows it.
        for token in self.tokens[:-1]:
            self._step(self.model, self.caches, cr.asarray([token]))

    def written(self, options: Mapping[str, Any]) -> np.ndarray:
        """The next `AT_ONCE` tokens."""
        if int(self.caches[0].used) + AT_ONCE > self.context:
            self.read(self.tokens)
        key = tuple(options.items())
        if key not in self._draw:
            self._draw[key] = cr.jit(_drawing(options))
        found = self._draw[key](self.model, self.caches, cr.asarray(self.tokens[-1:]))
        self.tokens = np.concatenate([self.tokens, found.numpy()[0]])
        return found.numpy()[0]


def build(recipe: TextRecipe, alphabet: Alphabet) -> GPT:
    """The model, with weights drawn from the global random stream."""
    return GPT(len(alphabet), recipe.width, recipe.layers, recipe.heads, recipe.dropout)


def _logits(model: GPT, caches: Any, tokens: cr.Tensor) -> cr.Tensor:
    """Of what follows the last tokens, (1, tokens). What the alphabet lacks is never drawn."""
    logits = model(tokens[:, None], caches=caches)[:, 0]
    return cr.where(cr.arange(logits.shape[-1]) == 0, -cr.inf, logits)


def _drawing(options: Mapping[str, Any]) -> Any:
    def draw(model: GPT, caches: Any, tokens: cr.Tensor) -> cr.Tensor:
        def step(state: None, last: cr.Tensor) -> tuple[cr.Tensor, None]:
            return _logits(model, caches, last), state

        return sample(step, None, tokens, AT_ONCE, **options).tokens

    return draw
