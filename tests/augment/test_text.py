"""Words: counts, order, determinism and edge cases of EDA; back-translation by any translators."""

from collections import Counter

import pytest

import chainrule as cr
from chainrule import augment

SENTENCE = ["the", "quick", "fox", "jumps", "over", "the", "lazy", "dog", "by", "the", "quick"]
SENTENCE += ["river", "again"]
SYNONYMS = {"quick": ["fast", "rapid"], "lazy": ["idle"], "river": ["stream"], "dog": []}
WORDS = {"quick": {"fast", "rapid"}, "lazy": {"idle"}, "river": {"stream"}}


@pytest.mark.covers("A-133")
def test_synonyms_replace_every_occurrence_of_n_words():
    for seed in range(50):
        found = augment.replace_synonyms(SENTENCE, SYNONYMS, 2, seed)
        changed = {old: new for old, new in zip(SENTENCE, found, strict=True) if old != new}
        assert len(changed) == 2
        assert all(new in WORDS[old] for old, new in changed.items())
        if "quick" in changed:
            assert found.count(changed["quick"]) == 2
    assert augment.replace_synonyms(SENTENCE, {}, 3) == SENTENCE


@pytest.mark.covers("A-133")
def test_insertions_are_synonyms_between_the_words():
    places = Counter()
    for seed in range(200):
        found = augment.insert_synonyms(SENTENCE, SYNONYMS, 1, seed)
        (new,) = (Counter(found) - Counter(SENTENCE)).elements()
        assert new in {"fast", "rapid", "idle", "stream"}
        places[found.index(new)] += 1
        found.remove(new)
        assert found == SENTENCE
    assert len(places) == len(SENTENCE) + 1
    assert augment.insert_synonyms(["x"], SYNONYMS, 2) == ["x"]


@pytest.mark.covers("A-133")
def test_swaps_and_deletions():
    numbers = [str(n) for n in range(20)]
    for seed in range(50):
        swapped = augment.swap_words(numbers, 1, seed)
        assert sum(a != b for a, b in zip(swapped, numbers, strict=True)) == 2
        assert sorted(swapped) == sorted(numbers)
        left = augment.delete_words(numbers, 0.5, seed)
        assert left == sorted(left, key=int) and set(left) <= set(numbers)
    share = sum(len(augment.delete_words(numbers, 0.3, seed)) for seed in range(500)) / 10_000
    assert abs(share - 0.7) < 0.03
    assert augment.swap_words(["x"]) == ["x"]
    assert augment.delete_words([]) == []
    with pytest.raises(cr.ChainruleError, match="p is 2"):
        augment.delete_words(numbers, 2.0)


@pytest.mark.covers("A-133")
def test_eda_takes_the_operations_in_turn_and_is_fixed_by_its_seed():
    copies = augment.eda(SENTENCE, SYNONYMS, 0.2)
    assert len(copies) == 9
    assert copies == augment.eda(SENTENCE, SYNONYMS, 0.2)
    assert copies != augment.eda(SENTENCE, SYNONYMS, 0.2, seed=1)
    lengths = [len(copy) - len(SENTENCE) for copy in copies]
    # max(1, int(0.2 * 13)) = 2 words are inserted.
    assert lengths[0::4] == [0, 0, 0] and lengths[1::4] == [2, 2] and lengths[2::4] == [0, 0]
    assert all(length <= 0 for length in lengths[3::4])
    with pytest.raises(cr.ChainruleError, match="alpha is -1"):
        augment.eda(SENTENCE, SYNONYMS, -1)


@pytest.mark.covers("A-134")
def test_back_translation_goes_there_and_back():
    german = {"big": "groß", "dog": "Hund"}
    english = {"groß": "large", "Hund": "dog"}

    def translator(words):
        return lambda texts: [" ".join(words[word] for word in text.split()) for text in texts]

    found = augment.back_translate(["big dog", "dog"], translator(german), translator(english))
    assert found == ["large dog", "dog"]
    with pytest.raises(cr.ChainruleError, match="2 texts came back as 1"):
        augment.back_translate(["a", "b"], lambda t: t, lambda t: t[:1])
