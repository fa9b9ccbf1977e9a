"""Tables: receives a file or a shipped data set; hands on arrays in three parts, to train on, and
batches of them.
"""

from chainrule.data.auditing import Audit, Finding, audit, describe, kurtosis, skewness
from chainrule.data.lengths import BucketLoader, pad
from chainrule.data.loader import ArrayLoader, Loader
from chainrule.data.passages import PassageLoader
from chainrule.data.prepare import Gathered, Part, Problem, gather, prepare
from chainrule.data.preprocess import Preprocessing
from chainrule.data.read import SHIPPED, Table, read
from chainrule.data.sampling import class_weights, over_sampled, under_sampled, weighted
from chainrule.data.sources import (
    CsvSource,
    ImageFolder,
    IterableSource,
    ParquetSource,
    Source,
)
from chainrule.data.split import folds, hold_out, split
from chainrule.data.steps import fit_preprocessing
from chainrule.data.stream import StreamLoader
from chainrule.data.target import Target
from chainrule.data.tasks import task
