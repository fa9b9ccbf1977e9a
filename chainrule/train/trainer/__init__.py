"""Trainer: receives a model, a loss, an optimizer and data; hands on the history of a training."""
