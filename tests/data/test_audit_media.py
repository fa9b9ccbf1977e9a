"""The audit of texts and of images: each planted fault is found, where it is, and good ones have
none.
"""

import numpy as np
import pytest
from PIL import Image

from chainrule.data.auditing.images import audit_images
from chainrule.data.auditing.texts import audit_text
from chainrule.data.images import prepare_images
from chainrule.data.texts import read_text

RNG = np.random.default_rng(1)
LETTERS = np.array(list("abcdefghij klmn,\n"))
PROSE = "".join(RNG.choice(LETTERS, 150_000))


def audited(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    return audit_text(read_text(path))


# ---- Texts ----


def test_a_good_text_has_no_finding(tmp_path):
    assert len(audited(tmp_path, PROSE)) == 0


@pytest.mark.parametrize(
    ("text", "check", "severity", "says"),
    [
        (PROSE[:50_000], "short", "warning", "45,000 characters"),
        ("a" * 150_000, "one character", "error", "no character but 'a'"),
        (PROSE[:75_000].encode("utf-16-le").decode(), "binary", "error", "75,000 control"),
        (PROSE.replace("b", "\ufffd"), "encoding", "warning", "became \ufffd"),
        (PROSE.replace("b", "ö".encode().decode("cp1252")), "encoding", "warning", "'Ã¶'"),
        (PROSE.replace("\n", " "), "one line", "warning", "no line break"),
        (PROSE[:50_000] * 3, "overlap", "error", "100% of its passages"),
        (PROSE[:130_000] + PROSE[:20_000], "overlap", "error", "stand in the training part"),
        (PROSE[:60_000] * 2 + PROSE[60_000:80_000], "repeats", "warning", "there before"),
    ],
)
def test_faults_of_texts(tmp_path, text, check, severity, says):
    found = audited(tmp_path, text)
    assert found.checks == [check]
    assert found[0].severity == severity
    assert says in found[0].what


@pytest.mark.parametrize(("letter", "severity"), [("c", "warning"), (None, "error")])
def test_characters_that_training_lacks(tmp_path, letter, severity):
    """One letter of 17, or all of them, are others in the last tenth."""
    end = PROSE[-15_000:]
    end = end.replace(letter, "ж") if letter else "".join(chr(ord(x) + 1000) for x in end)
    found = audited(tmp_path, PROSE[:-15_000] + end)
    assert found.checks == ["unseen characters"]
    assert [(one.severity, one.place) for one in found] == [
        (severity, "validation part"),
        (severity, "test part"),
    ]


def test_the_share_of_copies_is_that_of_sets_of_strings(tmp_path):
    mixed = "".join(PROSE[i : i + 200] + PROSE[j : j + 100] for i, j in
                    RNG.integers(0, 30_000, (600, 2)))  # fmt: skip
    path = tmp_path / "a.txt"
    path.write_text(mixed)
    corpus = read_text(path)
    taught, tested = (
        [corpus.texts[part][i : i + 64] for i in range(len(corpus.texts[part]) - 63)]
        for part in ("training", "test")
    )
    known = set(taught)
    share = np.mean([run in known for run in tested])
    finding = next(one for one in audit_text(corpus) if one.check == "overlap")
    assert finding.what.startswith(f"{share:.0%} of its passages")


# ---- Images ----


def save(folder, name, pixels):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def noise(*size):
    return RNG.integers(0, 256, size or (8, 8))


@pytest.fixture
def folder(tmp_path):
    """40 different images of two classes each."""
    for kind in "ab":
        for number in range(40):
            save(tmp_path, f"{kind}/{number:02}.png", noise())
    return tmp_path


def test_good_images_have_no_finding(folder):
    assert len(audit_images(prepare_images(folder))) == 0


def test_files_that_cannot_be_read(folder):
    (folder / "a" / "bad.png").write_bytes(b"no image")
    (found,) = audit_images(prepare_images(folder))
    assert (found.check, found.severity) == ("unreadable", "warning")
    assert found.place.endswith("a/bad.png")
    assert found.what == "cannot be read: it is no image"


def test_few_images_of_a_class(folder):
    for number in range(6):
        save(folder, f"c/{number}.png", noise())
    (found,) = audit_images(prepare_images(folder))
    assert (found.check, found.place) == ("few images", "class c")
    assert found.what == "has 4 to train on"


def test_classes_of_very_different_sizes(folder):
    for number in range(500):
        save(folder, f"c/{number}.png", noise())
    (found,) = audit_images(prepare_images(folder))
    assert (found.check, found.place) == ("imbalance", "class 'a'")


def test_one_image_in_two_parts(folder):
    for part in ("train", "test"):
        for kind in "ab":
            for number in range(30):
                save(folder / "split", f"{part}/{kind}/{number}.png", noise())
    twin = (folder / "split/train/a/3.png").read_bytes()
    (folder / "split/test/a/7.png").write_bytes(twin)
    found = {one.what: one for one in audit_images(prepare_images(folder / "split"))}
    # The training part has lost some images to the validation part, this one perhaps.
    (one,) = found.values()
    assert (one.check, one.severity, one.place) == ("overlap", "error", "test/a/7.png")
    assert one.what.startswith("1 image of 'test'")


def test_copies_and_one_image_of_two_classes(folder):
    for kind in "ab":
        for part in ("train", "val", "test"):
            for number in range(30):
                save(folder / "split", f"{part}/{kind}/{number:02}.png", noise())
    train = folder / "split" / "train"
    (train / "b" / "05.png").write_bytes((train / "a" / "05.png").read_bytes())
    for number in range(1, 4):
        (train / "a" / f"0{number}.png").write_bytes((train / "a" / "00.png").read_bytes())
    found = audit_images(prepare_images(folder / "split"))
    assert found.checks == ["two classes", "duplicates"]
    assert found[0].place == "train/a/05.png, train/b/05.png"
    assert found[0].what == "2 images of the training part stand in two classes"
    assert found[1].what == "4 copies of other images in the training part"


def test_images_of_one_shade(folder):
    save(folder, "b/99.png", np.full((8, 8), 77))
    (found,) = audit_images(prepare_images(folder))
    assert (found.check, found.severity, found.place) == ("blank", "warning", "b/99.png")


def test_shapes_that_one_size_does_not_suit(folder):
    for number in range(20):
        save(folder, f"a/wide{number}.png", noise(8, 24))
    (found,) = audit_images(prepare_images(folder))
    assert found.check == "stretched"
    assert found.what == "20% are stretched by half or more to 8 x 8, as from 8 x 24"
