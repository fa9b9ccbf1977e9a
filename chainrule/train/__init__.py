"""Training: receives data and a model; hands on a trained model, its scores, and its folder."""

from typing import Any

from chainrule.advisor import Recipe
from chainrule.deferred import Deferred
from chainrule.train.comparing import Onlooker, compare
from chainrule.train.comparing.comparison import Comparison, Entry
from chainrule.train.decoding import Decoded, beam_search, greedy, sample, teacher_forced
from chainrule.train.files import load, save
from chainrule.train.fitting import Watcher
from chainrule.train.images.run import ImageRun
from chainrule.train.kinds import evaluate, fit, kind_of
from chainrule.train.online import Online
from chainrule.train.predict import Predictor
from chainrule.train.run import Run
from chainrule.train.search import Search, find_learning_rate, grid_search, overfit_one_batch
from chainrule.train.tables.run import TableRun
from chainrule.train.text.run import TextRun
from chainrule.train.trainer.callbacks import (
    Averaging,
    Callback,
    EarlyStopping,
    NanGuard,
    OnPlateau,
)
from chainrule.train.trainer.clock import Clock, Gone
from chainrule.train.trainer.history import History
from chainrule.train.trainer.loggers import JsonLines, TensorBoard
from chainrule.train.trainer.monitors import Activations, GradientNorms, watched
from chainrule.train.trainer.progress import Progress
from chainrule.train.trainer.trainer import Trainer
from chainrule.train.tuning import Found, Listener, tune

# scikit-learn is needed for these alone.
_estimators = Deferred("chainrule.train.estimators")


def __getattr__(name: str) -> Any:
    if name in ("NetClassifier", "NetRegressor"):
        return getattr(_estimators, name)
    raise AttributeError(f"module 'chainrule.train' has no attribute {name!r}")
