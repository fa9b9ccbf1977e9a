"""All references in torch, by the names of our checks."""

from components import (
    torch_activations,
    torch_attention,
    torch_convolution,
    torch_distributions,
    torch_layers,
    torch_linalg,
    torch_losses,
    torch_recurrent,
)

REFERENCES = {
    **torch_activations.REFERENCES,
    **torch_attention.REFERENCES,
    **torch_convolution.REFERENCES,
    **torch_distributions.REFERENCES,
    **torch_layers.REFERENCES,
    **torch_linalg.REFERENCES,
    **torch_losses.REFERENCES,
    **torch_recurrent.REFERENCES,
}
