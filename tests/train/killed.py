"""A training that others kill: `python killed.py FOLDER EPOCHS` goes on where it was, and prints a
digest of all that it ends with. It pauses between batches, so that most of its time is training.
"""

import hashlib
import sys
import time

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.data import ArrayLoader, IterableSource, StreamLoader
from chainrule.train import Averaging, Callback, EarlyStopping, Trainer

ROWS = 200


class Slow(Callback):
    def fit_start(self, trainer):
        print("ready", flush=True)

    def batch_end(self, trainer, loss):
        time.sleep(0.002)


def main(folder, epochs, streaming):
    cr.random.seed(1)
    generator = np.random.default_rng(2)
    x = generator.normal(size=(ROWS, 8)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    model = nn.Sequential(
        nn.Linear(8, 64), nn.BatchNorm(64), cr.relu, nn.Dropout(0.3), nn.Linear(64, 2)
    )
    optimizer = optim.AdamW(model, optim.schedules.OneCycle(0.02, 7 * epochs), weight_decay=0.01)
    callbacks = [EarlyStopping(patience=None), Averaging(optim.EMA(model, 0.9)), Slow()]
    trainer = Trainer(model, nn.losses.cross_entropy, optimizer, callbacks=callbacks, clip_norm=1.0)
    data = (x, y)
    if streaming:
        data = StreamLoader(IterableSource(lambda: zip(x, y, strict=True)), 32, buffer=64)
    history = trainer.fit(
        data,
        validation_data=ArrayLoader((x[:50], y[:50]), 50),
        epochs=epochs,
        folder=folder,
        resume=True,
        save_seconds=0.0,
        quiet=True,
    )
    digest = hashlib.sha256()
    for state in (trainer.step.state_dict(), {"random": cr.random.get_state().numpy()}):
        for name, array in state.items():
            digest.update(name.encode() + array.tobytes())
    curves = [history["loss"], history["validation_loss"], history["learning_rate"]]
    digest.update(repr(curves).encode())
    print(len(history.epochs), digest.hexdigest())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "stream" in sys.argv)
