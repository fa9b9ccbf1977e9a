"""Starting values: makes initializers, which receive a shape and dtype and hand on a tensor.

Pass one as `init=`: `nn.Linear(784, 256, init=nn.init.he_normal())`, or let the activation choose:
`nn.init.for_activation("relu")`. Draws come from the global stream, or from a key:
`nn.init.he_normal()((784, 256), cr.float32, key=cr.random.key(0))`. Weights are (inputs, outputs),
those of convolutions (kernel..., inputs, outputs).
"""

from chainrule.nn.init.choice import for_activation, gain
from chainrule.nn.init.lsuv import lsuv
from chainrule.nn.init.plain import Init, constant, normal, sparse, truncated_normal, uniform, zeros
from chainrule.nn.init.scaled import (
    fans,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    xavier_normal,
    xavier_uniform,
)
from chainrule.nn.init.structured import identity, orthogonal
