"""A small convolutional network on Fashion-MNIST, by hand; --short for a quick look."""

import sys
import time

import numpy as np
from fashion_mnist_data import load

import chainrule as cr
from chainrule import nn, optim


def block(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm(outputs), cr.relu]


def loss_of(model, x, y):
    return nn.losses.cross_entropy(model(x), y)


@cr.jit
def step(model, optimizer, x, y):
    loss, gradients = cr.value_and_grad(loss_of)(model, x, y)
    optimizer.update(gradients)
    return loss


@cr.jit
def right(model, x, y):
    return cr.count_nonzero(cr.argmax(model(x), axis=-1) == y)


def main():
    start = time.perf_counter()
    cr.random.seed(0)
    (x, y), test = load()
    epochs, batch = (3, 50) if "--short" in sys.argv else (6, 100)
    model = nn.Sequential(
        *(*block(1, 32), nn.MaxPool(2), *block(32, 64), nn.MaxPool(2), nn.Flatten()),
        *(nn.Dropout(0.3), nn.Linear(7 * 7 * 64, 128), cr.relu, nn.Linear(128, 10)),
    )
    schedule = optim.schedules.OneCycle(4e-3, epochs * len(x) // batch)
    optimizer = optim.AdamW(model, schedule, weight_decay=1e-2)
    generator = np.random.default_rng(0)
    for epoch in range(1, epochs + 1):
        for rows in generator.permutation(len(x)).reshape(-1, batch):
            loss = step(model, optimizer, x[rows], y[rows])
        print(f"epoch {epoch}/{epochs}  loss {float(loss):.4f}", flush=True)
    parts = [array.reshape(-1, 100, *array.shape[1:]) for array in test]
    accuracy = sum(int(right(model, *part)) for part in zip(*parts, strict=True)) / len(test[0])
    print(f"test accuracy {accuracy:.4f} after {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
