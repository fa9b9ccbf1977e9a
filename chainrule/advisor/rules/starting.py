"""Initial weights and normalisation."""

from chainrule.advisor.names import ACTIVATIONS, initialisation_for
from chainrule.advisor.rule import Rule, at_least, below, one_of
from chainrule.advisor.rules.architecture import IMAGES
from chainrule.advisor.rules.outputs import TRANSFORMERS

OF = {
    start: tuple(name for name in ACTIVATIONS if initialisation_for(name) == start)
    for start in ("he_normal", "xavier_normal", "lecun_normal")
}

RULES = (
    Rule(
        "initialisation",
        "he_normal",
        "variance 2 / inputs makes up for the half that a rectifier cuts off",
        ("F-028",),
        {"activation": one_of(OF["he_normal"])},
        ("nn.init.he_normal",),
    ),
    Rule(
        "initialisation",
        "xavier_normal",
        "keeps signals and gradients at one size where an activation is nearly linear",
        ("F-029",),
        {"activation": one_of(OF["xavier_normal"])},
        ("nn.init.xavier_normal",),
    ),
    Rule(
        "initialisation",
        "lecun_normal",
        "variance 1 / inputs, for which SELU is its own norm",
        ("F-030",),
        {"activation": one_of(OF["lecun_normal"])},
        ("nn.init.lecun_normal",),
    ),
    Rule("biases", "zero", "nothing is to be told apart yet", ("F-031",), {}, ("nn.init.zeros",)),
    Rule(
        "start",
        "pre-trained weights, frozen or at a tenth of the rate; new layers as if alone",
        "what was learned on much data is not lost on little",
        ("F-032",),
        {"pretrained": True},
        ("optim.undecayed", "nn.Module.freeze"),
    ),
    Rule(
        "norm",
        "batch",
        "statistics of many images are steady, and their noise regularises",
        ("F-033",),
        {"task": one_of(IMAGES), "batch_size": at_least(16)},
        ("nn.BatchNorm",),
    ),
    Rule(
        "norm",
        "group, 32 channels a group",
        "statistics of few images are noise; those within an image do not depend on the batch",
        ("F-034",),
        {"task": one_of(IMAGES), "batch_size": below(16)},
        ("nn.GroupNorm",),
    ),
    Rule(
        "norm",
        "group",
        "in use one image comes at a time",
        ("F-034",),
        {"task": one_of(IMAGES), "goal": "one at a time"},
        ("nn.GroupNorm",),
    ),
    Rule(
        "norm",
        "group",
        "large images leave room for few in a batch",
        ("F-037",),
        {"task": one_of(("detection", "segmentation")), "batch_size": below(16)},
        ("nn.GroupNorm",),
    ),
    Rule(
        "norm",
        "layer",
        "each place by its own features, whatever the length and the batch",
        ("F-035",),
        {"task": one_of((*TRANSFORMERS, "sequence"))},
        ("nn.LayerNorm",),
    ),
    Rule(
        "norm",
        "instance",
        "the contrast of an image is its style: normalised away, it can be replaced",
        ("F-036",),
        {"task": "style transfer"},
        ("nn.InstanceNorm",),
    ),
)
