"""Augmentation, scaling, imbalance, and models that are no networks."""

from chainrule.advisor.rule import Rule, at_least, below, one_of
from chainrule.advisor.rules.architecture import IMAGES

TEXTS = ("text understanding", "text generation", "translation", "text classification")

RULES = (
    Rule(
        "augmentation",
        "RandAugment, then Mixup or CutMix",
        "two numbers to tune, and labels as soft as the images",
        ("F-063", "F-067"),
        {"task": "image classification"},
        ("augment.RandAugment", "augment.Mixup", "augment.CutMix"),
    ),
    Rule(
        "augmentation",
        "CutMix",
        "parts of objects are enough to find them",
        ("F-064",),
        {"task": "detection"},
        ("augment.CutMix",),
    ),
    Rule(
        "augmentation",
        "strong, with Mixup",
        "few images must become many",
        ("F-065",),
        {"task": one_of(IMAGES), "rows": below(5_000)},
        ("augment.TrivialAugment", "augment.Mixup"),
    ),
    Rule(
        "augmentation",
        "light and geometric: turns, shifts, zooms",
        "colours and mixtures may be a finding",
        ("F-066",),
        {"task": "medical images"},
        ("augment.medical", "augment.RandomAffine"),
    ),
    Rule(
        "augmentation",
        "synonyms, words left out or swapped, translation there and back",
        "what is meant stays",
        ("F-067",),
        {"task": one_of(TEXTS)},
        ("augment.eda", "augment.back_translate"),
    ),
    Rule(
        "augmentation",
        "noise, pitch, tempo",
        "the words stay",
        ("F-067",),
        {"task": "audio"},
        ("augment.PitchShift", "augment.TimeStretch", "augment.AddNoise"),
    ),
    Rule(
        "scaler",
        "standard",
        "mean 0 and variance 1, for what is roughly normal",
        ("F-068", "F-070"),
        {},
        ("data.fit_preprocessing",),
    ),
    Rule(
        "scaler",
        "min-max",
        "a known range, as pixels have",
        ("F-068",),
        {"columns": "bounded"},
        ("data.fit_preprocessing",),
    ),
    Rule(
        "scaler",
        "max-abs",
        "zeros stay zeros",
        ("F-068",),
        {"columns": "sparse"},
        ("data.fit_preprocessing",),
    ),
    Rule(
        "scaler",
        "robust",
        "quartiles do not move with outliers",
        ("F-068",),
        {"columns": "outliers"},
        ("data.fit_preprocessing",),
    ),
    Rule(
        "scaler",
        "log",
        "factors become differences",
        ("F-068",),
        {"columns": "skewed"},
        ("data.fit_preprocessing",),
    ),
    Rule(
        "rows' norm",
        "l2",
        "embeddings and counts of words mean directions; l1 where they are shares",
        ("F-068",),
        {"columns": "directions"},
        ("data.fit_preprocessing",),
    ),
    Rule(
        "rare classes",
        "draw rare classes more often, frequent ones less, or weigh the loss; focal for detection",
        "else the rare class is hardly seen; probabilities must then be calibrated back",
        ("F-069",),
        {"imbalance": at_least(4)},
        ("data.over_sampled", "data.under_sampled", "data.class_weights", "nn.losses.focal"),
    ),
    Rule(
        "scaler",
        "standard, always",
        "distances and margins are of all columns together: the largest would decide alone",
        ("F-070",),
        {"model": one_of(("SVM", "k-NN", "PCA"))},
        ("data.fit_preprocessing",),
    ),
    Rule(
        "model",
        "linear first, then one that bends",
        "if a plane separates the classes, nothing errs less on few rows; discriminative models "
        "learn p(y | x) alone, generative ones p(x, y), which few rows and missing cells suit",
        ("F-071",),
        {"goal": "baseline"},
        ("train.compare",),
    ),
    Rule(
        "model",
        "linear regression beside the network",
        "its coefficients can be read, and where effects add up it is as good; the network finds "
        "what depends on each other",
        ("F-072",),
        {"task": "regression"},
        ("train.compare",),
    ),
)
