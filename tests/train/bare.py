"""A training where only numpy and llvmlite are installed: all other packages are refused."""

import sys
from importlib.abc import MetaPathFinder

REFUSED = {
    "PIL", "matplotlib", "pandas", "polars", "rich", "scipy", "sklearn", "tensorboardX",
    "threadpoolctl", "typer",
}  # fmt: skip


class Refusing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main(folder):
    sys.meta_path.insert(0, Refusing())
    import numpy as np

    from chainrule import data, metrics, nn, optim, train
    from chainrule.errors import ArgumentError

    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    y = (x[:, 0] > 0).astype(np.int64)
    model = nn.Linear(1, 2)
    trainer = train.Trainer(
        model,
        nn.losses.cross_entropy,
        optim.Adam(model, 0.1),
        [metrics.accuracy, metrics.f1.streaming(classes=2)],
        [train.EarlyStopping()],
    )
    held = {"validation_data": (x, y)}
    trainer.fit((x, y), epochs=20, class_weight="balanced", folder=folder, **held)
    stream = data.StreamLoader(data.IterableSource(lambda: zip(x, y, strict=True)))
    trainer.fit(stream, quiet=True, **held)
    print(trainer.evaluate((x, y))["accuracy"] > 0.9, trainer.predict(x).shape)
    try:
        data.read("table.csv")
    except ArgumentError as error:
        print(error)


if __name__ == "__main__":
    main(sys.argv[1])
