"""Which rows were seen: against sets of rows, and after files have been written and read."""

import json

import numpy as np
import polars as pl
import pytest

from chainrule.data.seen import MOST, Seen, image_hashes, row_hashes

RNG = np.random.default_rng(3)


def made(rows):
    words = RNG.choice(["p", "q", None], rows).tolist()
    return pl.DataFrame({"a": RNG.normal(size=rows), "b": RNG.integers(0, 9, rows) / 3, "c": words})


def test_few_rows_are_counted_exactly():
    frame = made(500)
    known, later = frame[:300], pl.concat([frame[200:], made(100)])
    rows = set(known.iter_rows())
    expected = np.mean([row in rows for row in later.iter_rows()])
    assert expected == 0.25
    assert Seen.of(row_hashes(known)).share(row_hashes(later)) == expected


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_of_many_rows_the_share_is_estimated(share):
    frame = made(40_000)
    known = frame[:20_000]
    later = frame[round(20_000 * (1 - share)) :][:20_000]
    seen = Seen.of(row_hashes(known))
    assert len(seen.hashes) == MOST
    assert seen.share(row_hashes(later)) == pytest.approx(share, abs=0.05)
    assert seen.share(row_hashes(known)) == 1.0


def test_columns_and_places_matter():
    frame = pl.DataFrame({"a": [1.0, 2.0, 1.0, 1.0], "b": [2.0, 1.0, 2.0, None]})
    first, turned, again, missing = row_hashes(frame).tolist()
    assert first == again and len({first, turned, missing}) == 3
    zeros = row_hashes(pl.DataFrame({"a": [0.0, -0.0, None]})).tolist()
    assert zeros[0] == zeros[1] != zeros[2]


def test_files_keep_it():
    frame = made(50)
    hashes, seen = row_hashes(frame), Seen.of(row_hashes(frame))
    again = Seen.from_json(json.loads(json.dumps(seen.to_json())))
    assert again.share(hashes) == 1.0
    rounded = frame.with_columns(pl.col("a").cast(pl.Float32).cast(pl.Float64))
    assert Seen.of(row_hashes(rounded)).share(hashes) == 1
    assert seen.share(hashes[:0]) == 0.0


def test_images_are_told_apart_by_their_pixels():
    images = RNG.integers(0, 256, (50, 4, 5, 3), np.uint8)
    images[7] = images[9]
    hashes = image_hashes(images)
    assert len(np.unique(hashes)) == 49 and hashes[7] == hashes[9]
    assert Seen.of(hashes[:30]).share(hashes) == 0.6
