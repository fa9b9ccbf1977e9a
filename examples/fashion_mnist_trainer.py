"""A small convolutional network on Fashion-MNIST, with the trainer; --short for a quick look."""

import sys
import time

from fashion_mnist_data import load

import chainrule as cr
from chainrule import metrics, nn, optim
from chainrule.train import Trainer


def block(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm(outputs), cr.relu]


def main():
    start = time.perf_counter()
    cr.random.seed(0)
    training, test = load()
    epochs, batch = (3, 50) if "--short" in sys.argv else (6, 100)
    model = nn.Sequential(
        *(*block(1, 32), nn.MaxPool(2), *block(32, 64), nn.MaxPool(2), nn.Flatten()),
        *(nn.Dropout(0.3), nn.Linear(7 * 7 * 64, 128), cr.relu, nn.Linear(128, 10)),
    )
    steps = epochs * len(training[0]) // batch
    optimizer = optim.AdamW(model, optim.schedules.OneCycle(4e-3, steps), weight_decay=1e-2)
    trainer = Trainer(model, nn.losses.cross_entropy, optimizer, [metrics.accuracy])
    trainer.fit(training, epochs=epochs, batch_size=batch)
    accuracy = trainer.evaluate(test)["accuracy"]
    print(f"test accuracy {accuracy:.4f} after {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
