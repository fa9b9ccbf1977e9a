"""Every optimizer that steps along gradients: how to make it, its formula in NumPy, its options."""

from optim import formulas

from chainrule import optim as o

# fmt: off
CASES = {
    "SGD": (lambda p: o.SGD(p, 0.1), formulas.sgd, {}),
    "SGD L2": (lambda p: o.SGD(p, 0.1, weight_decay=0.2), formulas.sgd, {"decay": 0.2}),
    "SGD decoupled": (
        lambda p: o.SGD(p, 0.1, 0.9, weight_decay=0.2, decoupled=True),
        formulas.sgd, {"momentum": 0.9, "decoupled": 0.2},
    ),
    "SGD A": (lambda p: o.SGD(p, 0.1, 0.9), formulas.sgd, {"momentum": 0.9}),
    "SGD A Nesterov": (
        lambda p: o.SGD(p, 0.1, 0.9, nesterov=True, weight_decay=0.01),
        formulas.sgd, {"momentum": 0.9, "nesterov": True, "decay": 0.01},
    ),
    "SGD B": (lambda p: o.SGD(p, 0.1, 0.8, accumulates="steps"), formulas.sgd_of_steps,
              {"momentum": 0.8}),
    "SGD B Nesterov": (
        lambda p: o.SGD(p, 0.1, 0.8, nesterov=True, accumulates="steps"),
        formulas.sgd_of_steps, {"momentum": 0.8, "nesterov": True},
    ),
    "AdaGrad": (lambda p: o.AdaGrad(p, 0.1, weight_decay=0.2), formulas.adagrad, {"decay": 0.2}),
    "RMSProp": (lambda p: o.RMSProp(p, 0.1), formulas.rmsprop, {}),
    "RMSProp centered": (
        lambda p: o.RMSProp(p, 0.1, 0.9, 1e-6, momentum=0.8, centered=True),
        formulas.rmsprop, {"alpha": 0.9, "eps": 1e-6, "momentum": 0.8, "centered": True},
    ),
    "Adadelta": (lambda p: o.Adadelta(p, rho=0.8), formulas.adadelta, {"rho": 0.8}),
    "Adam": (lambda p: o.Adam(p), formulas.adam, {"rate": 1e-3}),
    "Adam L2": (
        lambda p: o.Adam(p, 0.1, (0.5, 0.9), 1e-3, 0.2),
        formulas.adam, {"b1": 0.5, "b2": 0.9, "eps": 1e-3, "decay": 0.2},
    ),
    "Adam uncorrected": (lambda p: o.Adam(p, 0.1, bias_correction=False), formulas.adam,
                         {"corrected": False}),
    "Adam amsgrad": (lambda p: o.Adam(p, 0.1, (0.9, 0.5), amsgrad=True), formulas.adam,
                     {"b2": 0.5, "amsgrad": True}),
    "AdamW": (lambda p: o.AdamW(p, 0.1), formulas.adam, {"decoupled": 0.01}),
    "NAdam": (lambda p: o.NAdam(p, 0.1, momentum_decay=0.3), formulas.nadam, {"psi": 0.3}),
    "RAdam": (lambda p: o.RAdam(p, 0.1), formulas.radam, {}),
    "AdaMax": (lambda p: o.AdaMax(p, 0.1, (0.9, 0.8)), formulas.adamax, {"b2": 0.8}),
    "Lion": (lambda p: o.Lion(p, 0.1, weight_decay=0.2), formulas.lion, {"decay": 0.2}),
    "LAMB": (lambda p: o.LAMB(p, 0.1, weight_decay=0.2), formulas.lamb, {"decay": 0.2}),
    "Muon": (lambda p: o.Muon(p, 0.1), formulas.muon, {}),
    "Muon match_rms": (
        lambda p: o.Muon(p, 0.1, 0.8, nesterov=False, match_rms=True, weight_decay=0.2),
        formulas.muon, {"momentum": 0.8, "nesterov": False, "match_rms": True, "decay": 0.2},
    ),
    "Adafactor": (lambda p: o.Adafactor(p, 0.3, weight_decay=0.2), formulas.adafactor,
                  {"rate": 0.3, "decay": 0.2}),
}
# fmt: on
