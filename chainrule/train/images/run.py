"""The run of images: receives a trained model and images; hands on their classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from chainrule import augment, nn
from chainrule.data import Target
from chainrule.data.images import Size, image_files, read_images
from chainrule.deferred import polars as pl
from chainrule.errors import DataError
from chainrule.train.images.model import ImageClassifier, residual_network
from chainrule.train.images.recipe import ImageRecipe
from chainrule.train.images.scores import Linear
from chainrule.train.predict import Predictor
from chainrule.train.run import Evidence, Run, predict_matrix
from chainrule.train.scores import Prediction

PIXELS = "pixels.json"


@dataclass(frozen=True)
class ImageRun(Run):
    """A model of images, with their classes, and what it must beat on others: a linear model."""

    kind = "images"
    files = (PIXELS,)

    model: ImageClassifier
    target: Target
    linear: Linear
    record: Mapping[str, Any]
    evidence: Evidence | None = field(default=None, repr=False, compare=False)

    def contents(self) -> dict[str, Any]:
        return {PIXELS: self.linear.to_json()}

    @classmethod
    def restored(cls, record: Mapping[str, Any], contents: Mapping[str, Any]) -> Self:
        target = Target.from_json(record["target"])
        recipe = ImageRecipe.from_json(record["recipe"])
        numbers = record["normalisation"]
        model = build(recipe, tuple(record["size"]), target, numbers["mean"], numbers["deviation"])
        return cls(model, target, Linear.from_json(contents[PIXELS], target), record)

    def predict(self, pixels: np.ndarray) -> Prediction:
        """Predictions for pixels of the run's size, [images, height, width, channels]."""
        return predict_matrix(Predictor(self.model), self.target, pixels)

    def predictions(self, source: str | Path) -> tuple[pl.DataFrame, dict[str, str]]:
        """(a row for each image of a folder, or for one image: `path`, `prediction`, and a column
        `probability_<class>` each; the files that cannot be read, with the reason). Raises
        DataError where none can.
        """
        path = Path(source)
        files = image_files(path) if path.is_dir() else [path]
        pixels, unreadable = read_images(files, tuple(self.record["size"]))
        if not len(pixels):
            why = "; ".join(list(unreadable.values())[:1])
            raise DataError(
                str(source), "holds no image that can be read", why, "pass an image, or a folder"
            )
        found = self.predict(pixels)
        columns = {
            "path": [str(file) for file in files if str(file) not in unreadable],
            "prediction": found.values.tolist(),
        }
        for place, label in enumerate(self.target.classes):
            columns[f"probability_{label}"] = found.probabilities[:, place].tolist()
        return pl.DataFrame(columns), unreadable


def build(
    recipe: ImageRecipe, size: Size, target: Target, mean: list[float], deviation: list[float]
) -> ImageClassifier:
    """The model, with weights drawn from the global random stream."""
    height, width, channels = size
    changes: list[Any] = [augment.RandomFlip(axis) for axis in recipe.flips]
    if recipe.affine:
        changes.append(augment.RandomAffine(10, scale=(0.9, 1.1)))
    changes.append(augment.RandomCrop((height, width), padding=recipe.shift))
    if recipe.mixup:
        changes.append(augment.Mixup(target.outputs, recipe.mixup))
    network = residual_network(
        channels,
        target.outputs,
        recipe.width,
        recipe.stages,
        recipe.blocks,
        recipe.stem_stride,
    )
    normalize = augment.Normalize(mean, deviation)
    return ImageClassifier(augment.Compose(*changes), normalize, network)


def loss_of(recipe: ImageRecipe) -> Any:
    """The loss of a recipe, of (model, pixels, labels)."""

    def loss(model: ImageClassifier, pixels: Any, labels: Any) -> Any:
        logits, mixed = model(pixels, labels)
        return nn.losses.cross_entropy(logits, mixed, label_smoothing=recipe.label_smoothing)

    return loss
