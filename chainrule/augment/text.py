"""Words: receives lists of tokens and a dictionary of synonyms, or translators; hands on changed
copies. Plain Python, before training, since the number of tokens changes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from chainrule.nn.losses.reduction import require

Synonyms = Mapping[str, Sequence[str]]
Tokens = Sequence[str]


def _generator(seed: int | random.Random) -> random.Random:
    return seed if isinstance(seed, random.Random) else random.Random(seed)


def replace_synonyms(
    tokens: Tokens, synonyms: Synonyms, n: int = 1, seed: int | random.Random = 0
) -> list[str]:
    """Tokens with n different words, wherever they occur, replaced by synonyms (A-133).

    Words without an entry stay, so stop words need none.

    >>> cr.augment.replace_synonyms(["a", "nice", "day"], {"nice": ["fine"]})
    ['a', 'fine', 'day']
    """
    generator = _generator(seed)
    known = sorted({token for token in tokens if synonyms.get(token)})
    chosen = generator.sample(known, min(n, len(known)))
    instead = {word: generator.choice(list(synonyms[word])) for word in chosen}
    return [instead.get(token, token) for token in tokens]


def insert_synonyms(
    tokens: Tokens, synonyms: Synonyms, n: int = 1, seed: int | random.Random = 0
) -> list[str]:
    """Tokens with n synonyms of words among them at random places (A-133).

    >>> cr.augment.insert_synonyms(["day"], {"day": ["date"]}) in (["date", "day"], ["day", "date"])
    True
    """
    generator, result = _generator(seed), list(tokens)
    known = [token for token in tokens if synonyms.get(token)]
    for _ in range(n if known else 0):
        word = generator.choice(list(synonyms[generator.choice(known)]))
        result.insert(generator.randint(0, len(result)), word)
    return result


def swap_words(tokens: Tokens, n: int = 1, seed: int | random.Random = 0) -> list[str]:
    """Tokens of which n times two have changed places (A-133).

    >>> cr.augment.swap_words(["good", "morning"])
    ['morning', 'good']
    """
    generator, result = _generator(seed), list(tokens)
    for _ in range(n if len(result) > 1 else 0):
        i, j = generator.sample(range(len(result)), 2)
        result[i], result[j] = result[j], result[i]
    return result


def delete_words(tokens: Tokens, p: float = 0.1, seed: int | random.Random = 0) -> list[str]:
    """Tokens without each with probability p; one of them is always left (A-133).

    >>> len(cr.augment.delete_words(["good", "morning"], p=1.0))
    1
    """
    require(0 <= p <= 1, "delete_words", f"p is {p}", "it is a probability", "choose 0 <= p <= 1")
    generator = _generator(seed)
    left = [token for token in tokens if generator.random() >= p]
    return left if left or not tokens else [generator.choice(list(tokens))]


def eda(
    tokens: Tokens, synonyms: Synonyms, alpha: float = 0.1, count: int = 9, seed: int = 0
) -> list[list[str]]:
    """`count` changed copies, by the four operations of EDA in turn (Wei and Zou 2019). (A-133)

    Each changes max(1, alpha * words) words, or deletes a share alpha. alpha = 0.1 is the paper's
    advice, and 9 its code's; it advises 4 for 5,000 sentences or more. Raises ArgumentError.

    >>> cr.augment.eda(["a", "nice", "day"], {"nice": ["fine"]}, count=1)
    [['a', 'fine', 'day']]
    """
    require(
        0 <= alpha <= 1,
        "eda",
        f"alpha is {alpha}",
        "it is the share of words that change",
        "choose 0 <= alpha <= 1",
    )
    generator, n = random.Random(seed), max(1, int(alpha * len(tokens)))
    operations = (
        partial(replace_synonyms, synonyms=synonyms, n=n),
        partial(insert_synonyms, synonyms=synonyms, n=n),
        partial(swap_words, n=n),
        partial(delete_words, p=alpha),
    )
    return [operations[turn % 4](tokens, seed=generator) for turn in range(count)]


def back_translate(
    texts: Sequence[str],
    there: Callable[[Sequence[str]], Sequence[str]],
    back: Callable[[Sequence[str]], Sequence[str]],
) -> list[str]:
    """Texts translated into another language and back, by any two translators of lists: the meaning
    stays, the words change (Sennrich et al. 2016). (A-134)

    >>> cr.augment.back_translate(["big"], lambda t: ["gross"], lambda t: ["large"])
    ['large']
    """
    translated = list(back(there(texts)))
    require(
        len(translated) == len(texts),
        "back_translate",
        f"{len(texts)} texts came back as {len(translated)}",
        "each keeps its label",
        "check the translators: list in, list out",
    )
    return translated
