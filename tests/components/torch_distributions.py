"""The distributions of PyTorch, by the names of our checks."""

import math

import pytest
from scipy import special

torch = pytest.importorskip("torch")
d = torch.distributions


def measured(kind, *measures):
    def values(x, *parameters):
        made = kind(*parameters, validate_args=False)
        x = x.to(made.mean.dtype)
        found = [made.log_prob(x), made.mean, made.variance]
        for measure in measures:
            method = getattr(made, measure)
            found.append(method() if measure == "entropy" else method(x))
        return found

    return values


def simplex(x):
    return x / x.sum(-1, keepdim=True)


def covariance(root):
    return root @ root.mT + torch.eye(root.shape[-1], dtype=root.dtype)


class Digamma(torch.autograd.Function):
    """PyTorch's derivative of digamma has 9 digits."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.digamma(x)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient * torch.asarray(special.polygamma(1, x.numpy()), dtype=x.dtype)


def student_t(x, df, loc, scale):
    power = (df + 1) / 2
    slopes = Digamma.apply(power) - Digamma.apply(df / 2)
    norm = torch.lgamma(df / 2) + math.lgamma(0.5) - torch.lgamma(power)
    entropy = power * slopes + scale.log() + df.log() / 2 + norm
    return [*measured(d.StudentT)(x, df, loc, scale), entropy]


def cauchy(x, *parameters):
    made = d.Cauchy(*parameters, validate_args=False)
    return [made.log_prob(x), made.cdf(x), made.entropy()]


def categorical(x, probs, logits):
    both = d.Categorical(probs), d.Categorical(logits=logits)
    return [value for one in both for value in (one.log_prob(x), one.entropy())]


def multinomial(x, probs):
    return measured(lambda probs, **options: d.Multinomial(4, probs, **options))(x, probs)


def relaxed(x, logits, temperature):
    made = d.RelaxedOneHotCategorical(temperature, logits=logits, validate_args=False)
    return made.log_prob(simplex(x))


def multivariate_normal(x, loc, root):
    return measured(d.MultivariateNormal, "entropy")(x, loc, covariance(root))


def independent(x, loc, scale):
    made = d.Independent(d.Normal(loc, scale), 1)
    return [made.log_prob(x), made.entropy(), made.mean, made.variance]


def mixture(x, logits, loc, scale):
    made = d.MixtureSameFamily(d.Categorical(logits=logits), d.Normal(loc, scale))
    return [made.log_prob(x), made.mean, made.variance, made.cdf(x)]


def icdf(kind):
    return lambda p, *parameters: kind(*parameters, validate_args=False).icdf(p)


def divergences(a, b, s, t, p, q):
    pairs = [
        *((kind(a, s), kind(b, t)) for kind in (d.Normal, d.LogNormal, d.Laplace, d.Cauchy)),
        *((kind(s, t), kind(t, p)) for kind in (d.Gamma, d.Beta)),
        *((kind(s), kind(t)) for kind in (d.Exponential, d.Poisson)),
        (d.Exponential(s), d.Gamma(t, p)),
        (d.Gamma(s, t), d.Exponential(p)),
        *((kind(p), kind(q)) for kind in (d.Bernoulli, d.Geometric)),
        (d.Binomial(3, p), d.Binomial(3, q)),
        (d.Bernoulli(logits=a), d.Bernoulli(logits=b)),
    ]
    return [d.kl_divergence(*pair) for pair in pairs]


def divergences_of_vectors(s, t, first, second):
    pairs = [
        (d.Dirichlet(s), d.Dirichlet(t)),
        (d.Categorical(s), d.Categorical(logits=t)),
        (d.Independent(d.Exponential(s), 1), d.Independent(d.Exponential(t), 1)),
        [d.MultivariateNormal(x, covariance(y)) for x, y in ((s, first), (t, second))],
    ]
    return [d.kl_divergence(*pair) for pair in pairs]


REFERENCES = {
    "Normal": measured(d.Normal, "entropy", "cdf"),
    "LogNormal": measured(d.LogNormal, "entropy"),
    "Laplace": measured(d.Laplace, "entropy", "cdf"),
    "Cauchy": cauchy,
    "StudentT": student_t,
    "Uniform": measured(d.Uniform, "entropy", "cdf"),
    "Exponential": measured(d.Exponential, "entropy", "cdf"),
    "Gamma": measured(d.Gamma, "entropy"),
    "Beta": measured(d.Beta, "entropy"),
    "Dirichlet": lambda x, a: measured(d.Dirichlet, "entropy")(simplex(x), a),
    "Bernoulli": measured(d.Bernoulli, "entropy"),
    "Binomial": measured(d.Binomial),
    "Geometric": measured(d.Geometric, "entropy"),
    "NegativeBinomial": measured(d.NegativeBinomial),
    "Poisson": measured(d.Poisson),
    "Categorical": categorical,
    "Multinomial": multinomial,
    "RelaxedCategorical": relaxed,
    "MultivariateNormal": multivariate_normal,
    "Independent": independent,
    "Mixture": mixture,
    "Normal, icdf": icdf(d.Normal),
    "LogNormal, icdf": icdf(d.LogNormal),
    "Laplace, icdf": icdf(d.Laplace),
    "Cauchy, icdf": icdf(d.Cauchy),
    "kl_divergence": divergences,
    "kl_divergence of vectors": divergences_of_vectors,
}
REFERENCES = {f"distributions.{name}": reference for name, reference in REFERENCES.items()}
