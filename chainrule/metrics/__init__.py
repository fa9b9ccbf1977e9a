"""Metrics: receive (prediction, target), as losses do and unlike scikit-learn; hand on figures.

Each is a function of all rows, `accuracy(prediction, target, sample_weight=)`, and a state that
batches update, `accuracy.streaming()`. Values equal scikit-learn's.
"""

from chainrule.metrics.activity import activity, dead_units
from chainrule.metrics.base import Metric, Streaming, averaged
from chainrule.metrics.counts import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    f1,
    f_beta,
    kappa,
    matthews,
    precision,
    recall,
    roi,
    specificity,
)
from chainrule.metrics.detection import Boxes, detection_map, iou
from chainrule.metrics.images import psnr, ssim
from chainrule.metrics.intervals import Interval, difference, interval, of_sequence, over_folds
from chainrule.metrics.probabilities import (
    brier,
    calibration_error,
    log_loss,
    maximum_calibration_error,
    perplexity,
    reliability_curve,
    top_k_accuracy,
)
from chainrule.metrics.ranking import (
    average_precision,
    precision_recall_curve,
    roc_auc,
    roc_curve,
)
from chainrule.metrics.regression import (
    explained_variance,
    mae,
    mape,
    median_absolute_error,
    mse,
    r2,
    rmse,
)
from chainrule.metrics.text import bleu
