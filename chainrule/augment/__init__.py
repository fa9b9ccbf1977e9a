"""Augmentation: images within the compiled step, each with its own draw; sound; words."""

from chainrule.augment.audio import (
    AddNoise,
    PitchShift,
    TimeStretch,
    add_noise,
    pitch_shift,
    time_stretch,
)
from chainrule.augment.base import Augmentation, Compose
from chainrule.augment.colour import (
    autocontrast,
    brightness,
    contrast,
    equalize,
    grayscale,
    hue,
    invert,
    posterize,
    saturation,
    sharpness,
    solarize,
)
from chainrule.augment.geometry import (
    affine,
    chained,
    crop,
    flip,
    resized_crop,
    rotate,
    rotation,
    sample,
    shear,
    shearing,
    shifting,
    translate,
    zoom,
    zooming,
)
from chainrule.augment.layers import (
    ColorJitter,
    GaussianBlur,
    GaussianNoise,
    RandomAffine,
    RandomCrop,
    RandomFlip,
    RandomGrayscale,
    RandomResizedCrop,
    SaltAndPepper,
    medical,
)
from chainrule.augment.mixing import (
    CutMix,
    Cutout,
    Mixup,
    RandomErasing,
    cutmix,
    erase,
    mixup,
)
from chainrule.augment.noise import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Normalize,
    blur,
    gaussian_noise,
    normalize,
    salt_and_pepper,
)
from chainrule.augment.policies import (
    OPERATIONS,
    AutoAugment,
    RandAugment,
    TrivialAugment,
    operate,
)
from chainrule.augment.text import (
    back_translate,
    delete_words,
    eda,
    insert_synonyms,
    replace_synonyms,
    swap_words,
)
