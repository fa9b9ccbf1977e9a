"""From graphs to the graphs of their derivatives and batches."""

from chainrule.autodiff import batch_control, composed, control, linalg, loops
