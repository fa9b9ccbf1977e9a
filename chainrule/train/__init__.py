"""Training: receives data and a model; hands on a trained model, its scores, and its folder."""

from chainrule.advisor import Recipe
from chainrule.train.callbacks import Averaging, Callback, EarlyStopping, NanGuard, OnPlateau
from chainrule.train.comparing import Onlooker, compare
from chainrule.train.comparison import Comparison, Entry
from chainrule.train.decoding import Decoded, beam_search, greedy, sample, teacher_forced
from chainrule.train.experiment import Watcher, fit
from chainrule.train.files import load, save
from chainrule.train.history import History
from chainrule.train.loggers import JsonLines, TensorBoard
from chainrule.train.monitors import Activations, GradientNorms, watched
from chainrule.train.online import Online
from chainrule.train.predict import Predictor
from chainrule.train.progress import Progress
from chainrule.train.run import Run
from chainrule.train.search import Search, find_learning_rate, grid_search, overfit_one_batch
from chainrule.train.trainer import Trainer
