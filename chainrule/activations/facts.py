"""What cannot be computed of activation functions, as data for their cards."""

from __future__ import annotations

from typing import NamedTuple


class Facts(NamedTuple):
    """Which loss goes with a function, where it is used, and what speaks for and against it."""

    loss: str
    usage: str
    pros: str
    cons: str


HIDDEN = "any, as it belongs in hidden layers"

FACTS = {
    "identity": Facts(
        "mse, mae or huber",
        "output of a regression",
        "free; any target can be reached",
        "stacked layers of it are one linear layer",
    ),
    "heaviside": Facts(
        "the perceptron's, on what enters it",
        "perceptron, threshold units",
        "its output is a decision",
        "no gradient passes; needs a learning rule of its own",
    ),
    "sign": Facts(
        "the perceptron's, on what enters it",
        "perceptron with labels -1 and 1, binary networks",
        "its output is a decision of one bit",
        "no gradient passes; needs a learning rule or a substitute derivative",
    ),
    "relu": Facts(
        HIDDEN,
        "default of dense and convolutional layers",
        "cheap; gradients above 0 pass unchanged; sparse outputs",
        "units whose inputs stay below 0 die; outputs are not centred",
    ),
    "leaky_relu": Facts(
        HIDDEN,
        "where ReLU units die; discriminators of GANs",
        "gradients pass everywhere, so no unit dies",
        "one more hyperparameter; outputs are not centred",
    ),
    "prelu": Facts(
        HIDDEN,
        "deep image networks",
        "learns its slope",
        "more parameters, which weight decay would pull towards ReLU",
    ),
    "relu6": Facts(
        HIDDEN,
        "networks for small devices, such as MobileNet",
        "bounded outputs fit numbers of few bits",
        "no gradient above 6 either",
    ),
    "hard_tanh": Facts(
        "mse for targets in [-1, 1]",
        "recurrent and binary networks",
        "a tanh without exponentials",
        "no gradient at all outside its bounds",
    ),
    "hard_sigmoid": Facts(
        HIDDEN,
        "gates on small devices",
        "a sigmoid without exponentials",
        "no gradient at all outside its bounds; not a likelihood",
    ),
    "hard_swish": Facts(
        HIDDEN,
        "MobileNetV3",
        "nearly swish, without exponentials",
        "no gradient far below 0; kinks",
    ),
    "hard_shrink": Facts(
        HIDDEN,
        "sparse codes, denoising",
        "removes small values and keeps large ones as they are",
        "jumps; no gradient for small values",
    ),
    "soft_shrink": Facts(
        "mse with an L1 penalty, of which it is the proximal step",
        "sparse codes, unrolled LASSO (LISTA)",
        "removes small values without a jump",
        "shrinks large values too; no gradient for small ones",
    ),
    "sigmoid": Facts(
        "binary_cross_entropy, which takes what enters it",
        "output for two classes or several labels; gates of LSTM and GRU",
        "its output is a probability",
        "vanishing gradients, saturated on both sides; outputs are not centred",
    ),
    "log_sigmoid": Facts(
        "it is one: binary_cross_entropy is made of it",
        "log-likelihoods, ranking, negative sampling",
        "exact where log(sigmoid(z)) would underflow",
        "not a hidden layer's: its outputs are negative and unbounded",
    ),
    "softplus": Facts(
        "likelihoods of scales and rates (gaussian_nll, poisson_nll)",
        "outputs that must be positive",
        "a smooth ReLU; never 0",
        "costs exponentials; outputs are not centred",
    ),
    "softsign": Facts(
        HIDDEN,
        "in place of tanh",
        "centred; saturates slowly; no exponentials",
        "its gradients still vanish",
    ),
    "tanh": Facts(
        "mse for targets in (-1, 1)",
        "states of LSTM and GRU, bounded outputs",
        "centred; larger gradients than the sigmoid",
        "vanishing gradients, saturated on both sides",
    ),
    "tanh_shrink": Facts(
        HIDDEN,
        "sparse codes",
        "a smooth way to remove small values",
        "hardly any gradient around 0",
    ),
    "elu": Facts(
        HIDDEN,
        "in place of ReLU",
        "gradients below 0; outputs closer to centred than ReLU's, though not centred",
        "costs exponentials; a kink unless alpha is 1",
    ),
    "celu": Facts(
        HIDDEN,
        "in place of ELU where alpha is not 1",
        "no kink for any alpha",
        "costs exponentials",
    ),
    "selu": Facts(
        HIDDEN,
        "deep dense networks without normalisation",
        "keeps mean 0 and variance 1 by itself",
        "only with LeCun's initial weights and alpha dropout",
    ),
    "swish": Facts(
        HIDDEN,
        "deep image networks such as EfficientNet",
        "smooth; gradients below 0; beta can be learned",
        "costs exponentials",
    ),
    "silu": Facts(
        HIDDEN,
        "deep image networks, and gates of language models",
        "smooth; gradients below 0",
        "costs exponentials",
    ),
    "mish": Facts(
        HIDDEN,
        "image networks such as YOLOv4",
        "smooth; gradients below 0",
        "costs more than swish, for little",
    ),
    "gelu": Facts(
        HIDDEN,
        "Transformers such as BERT and GPT",
        "smooth; gradients below 0; the mean of a random gate, itself not random",
        "costs an error function, or a tanh",
    ),
    "softmax": Facts(
        "cross_entropy, which takes what enters it",
        "output for several classes, weights of attention",
        "its outputs are a distribution",
        "saturates for large differences; never exactly 0",
    ),
    "log_softmax": Facts(
        "it is one: cross_entropy is made of it",
        "log-likelihoods of classes",
        "exact where log(softmax(z)) would underflow",
        "not a hidden layer's: its outputs are negative and unbounded",
    ),
    "sparsemax": Facts(
        "its own (Martins & Astudillo 2016); cross entropy is infinite at 0",
        "attention to a few places, several labels",
        "its outputs are a distribution with true zeros",
        "sorts; no gradient for zeros",
    ),
    "glu": Facts(
        HIDDEN,
        "convolutional and recurrent language models",
        "learns what to let through, along a linear path for gradients",
        "twice the parameters for as many outputs",
    ),
    "reglu": Facts(
        HIDDEN,
        "feed-forward parts of Transformers",
        "a learned gate, with true zeros",
        "twice the parameters for as many outputs",
    ),
    "geglu": Facts(
        HIDDEN,
        "feed-forward parts of Transformers, such as T5 1.1",
        "a learned, smooth gate",
        "twice the parameters for as many outputs",
    ),
    "swiglu": Facts(
        HIDDEN,
        "feed-forward parts of Transformers, such as LLaMA and PaLM",
        "a learned, smooth gate",
        "twice the parameters for as many outputs",
    ),
}
