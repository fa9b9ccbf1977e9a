"""All references in numpy, by the names of our checks."""

from components import (
    numpy_activations,
    numpy_attention,
    numpy_augmentation,
    numpy_distributions,
    numpy_layers,
    numpy_linalg,
    numpy_losses,
    numpy_recurrent,
)

REFERENCES = {
    **numpy_activations.REFERENCES,
    **numpy_attention.REFERENCES,
    **numpy_augmentation.REFERENCES,
    **numpy_distributions.REFERENCES,
    **numpy_layers.REFERENCES,
    **numpy_linalg.REFERENCES,
    **numpy_losses.REFERENCES,
    **numpy_recurrent.REFERENCES,
}
