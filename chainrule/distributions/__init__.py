"""Distributions: parameters in; draws, densities, divergences, fits and posteriors out."""

from chainrule.distributions.base import Distribution
from chainrule.distributions.bayes import posterior, predictive
from chainrule.distributions.classes import Categorical, Multinomial, RelaxedCategorical
from chainrule.distributions.compound import Independent, Mixture, MultivariateNormal
from chainrule.distributions.continuous import (
    Cauchy,
    Exponential,
    Laplace,
    LogNormal,
    Normal,
    StudentT,
    Uniform,
)
from chainrule.distributions.counts import (
    Bernoulli,
    Binomial,
    Geometric,
    NegativeBinomial,
    Poisson,
)
from chainrule.distributions.divergence import kl_divergence
from chainrule.distributions.gamma import Beta, Dirichlet, Gamma
