"""Elementary functions as instructions: receives a builder and float or double values of any lanes
from the emitter, and appends branch-free code there, because LLVM's own `exp` would be a call.

Every polynomial is a minimax fit made for this file (Remez exchange, coefficients rounded one after
the other), lowest power first. Special values are those of NumPy.
"""

from typing import NamedTuple

from chainrule.codegen.builder import Function
from chainrule.codegen.values import Value, constant


class Format(NamedTuple):
    """What the functions must know of a floating-point format."""

    integer: str
    fraction: int  # stored bits of the significand
    bias: int
    ln2: tuple[float, float]  # the first part has zeros at its end: n * ln2[0] is exact
    exp_range: tuple[float, float, float]  # below: zero, subnormal; above: infinite
    expm1_low: float  # from here down expm1 is -1
    tanh_high: float  # from here up tanh is 1
    erf_range: tuple[float, float]  # where the formula changes; from where up erf is 1

    @property
    def round_shift(self) -> float:
        """Added to a moderate number it leaves the nearest integer in the lowest bits."""
        return 1.5 * 2.0**self.fraction


FORMATS = {
    "float": Format("i32", 23, 127, (0.693138123, 9.05800061e-06),
                     (-104.0, -87.0, 88.72283172607422), -18.0, 9.1, (0.9, 3.95)),
    "double": Format("i64", 52, 1023, (0.6931471803691238, 1.9082149292705877e-10),
                      (-746.0, -708.0, 709.782712893384), -38.0, 19.1, (1.0, 6.0)),
}  # fmt: skip

_LN_2 = 0.6931471805599453
_LOG2_E = 1.4426950408889634
_INFINITY = float("inf")
_NAN = float("nan")

# (e^r - 1 - r) / r^2 for |r| <= ln2 / 2, error relative to e^r - 1:
# degree 4, 1.4e-8 (relative to e^r: 5e-9); degree 10, 3.3e-17.
_EXPM1 = {
    "float": (0.49999997, 0.16666539, 0.0416677557, 0.00836712588, 0.00138356211),
    "double": (0.5, 0.16666666666666677, 0.04166666666666669, 0.00833333333332182,
               0.0013888888888890613, 0.0001984126988422001, 2.4801587280517333e-05,
               2.7557257985951943e-06, 2.755699286796005e-07, 2.509901253574742e-08,
               2.1213901728059625e-09),
}  # fmt: skip

# (2 atanh(s) - 2 s) / s^3 in s^2 for |s| <= (sqrt2 - 1) / (sqrt2 + 1), error relative to
# 2 atanh(s): degree 2, 9e-10; degree 6, 1.8e-18.
_LOG = {
    "float": (0.666667759, 0.399775684, 0.298724324),
    "double": (0.6666666666666735, 0.39999999999409336, 0.28571428743686367, 0.22222198429941986,
               0.18183572351080649, 0.1531382713193561, 0.14798406403401315),
}  # fmt: skip

# (atanh(s) / s - 1 - s^2 / 3) / s^4 in s^2, s as above: degree 6, 1.2e-20 relative to atanh(s).
_LOG_TAIL = (0.20000000000001136, 0.14285714285045623, 0.11111111260733607, 0.0909089211384333,
             0.07693381963451146, 0.06628330292523131, 0.06598908885493446)  # fmt: skip
_THIRD_LOW = 1.850371707708594e-17  # 1/3 minus its double

# erf(x) / x - 1 in x^2 for |x| <= 0.9 (double: 1), error relative to erf:
# degree 5, 1.4e-8; degree 11, 2.3e-17.
_ERF_NEAR = {
    "float": (0.128379151, -0.376125038, 0.112819217, -0.026770493, 0.00499896053,
              -0.000602081767),
    "double": (0.12837916709551256, -0.37612638903183343, 0.1128379167093694, -0.026866170641954717,
               0.005223977596671796, -0.0008548325480405544, 0.00012055280309273273,
               -1.4924461075354549e-05, 1.6444083228930489e-06, -1.6183403029489245e-07,
               1.3613904726828658e-08, -7.60224907794002e-10),
}  # fmt: skip

# -log(1 - erf(x)) for 0.9 <= x <= 3.95 (double: 1 <= x <= 6), error it makes in erf:
# degree 5, 2.8e-8; degree 19, 9e-19.
_ERF_FAR = {
    "float": (0.00182236929, 1.12039745, 0.650454283, 0.091322422, -0.0156524256, 0.00126136257),
    "double": (2.780537414157039e-08, 1.1283789156949353, 0.6366207342756696, 0.102770815550761,
               -0.019128044589895435, -0.00020230461195046097, 0.0016749645127258205,
               -0.0005523590194077577, -2.2010456547408898e-05, 0.00011078580546691432,
               -6.476242098023552e-05, 2.428082824539862e-05, -6.784334361789921e-06,
               1.4697513512732458e-06, -2.4814749058739724e-07, 3.219586055197322e-08,
               -3.10829090683885e-09, 2.1053357048425606e-10, -8.929106622852588e-12,
               1.7839297211164465e-13),
}  # fmt: skip


def polynomial(f: Function, x: Value, coefficients: tuple[float, ...]) -> Value:
    """Horner's rule."""
    result: Value | float = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        result = f.fma(result, x, coefficient)
    return result if isinstance(result, Value) else constant(x.type, result)


# Rounding: LLVM has instructions for these


def floor(f: Function, x: Value) -> Value:
    return f.intrinsic("floor", x.type, x)


def trunc(f: Function, x: Value) -> Value:
    return f.intrinsic("trunc", x.type, x)


def round(f: Function, x: Value) -> Value:
    """To the nearest integer, halves to the even one."""
    return f.intrinsic("roundeven", x.type, x)


def sqrt(f: Function, x: Value) -> Value:
    return f.intrinsic("sqrt", x.type, x)


def absolute(f: Function, x: Value) -> Value:
    return f.intrinsic("fabs", x.type, x)


def copysign(f: Function, x: Value, sign: Value) -> Value:
    return f.intrinsic("copysign", x.type, x, sign)


# The exponential family: x = n ln2 + r, so that e^x = 2^n e^r


def _split(f: Function, x: Value) -> tuple[Value, Value]:
    """n, shifted to where exponents stand (its upper bits cut off), and r."""
    form = FORMATS[x.type.scalar]
    shifted = f.fma(x, _LOG2_E, form.round_shift)
    n = f.fsub(shifted, form.round_shift)
    r = f.fma(n, -form.ln2[1], f.fma(n, -form.ln2[0], x))
    return f.shl(f.bitcast(shifted, form.integer), form.fraction), r


def _scale(f: Function, x: Value, exponent: Value) -> Value:
    """x times two to the power of a shifted exponent; both x and the result are normal numbers."""
    return f.bitcast(f.add(f.bitcast(x, exponent.type.scalar), exponent), x.type)


def _at_least(f: Function, x: Value, low: float) -> Value:
    """max(x, low), but NaN stays: written so that it becomes one instruction."""
    return f.select(f.fcmp("olt", x, low), low, x)


def _at_most(f: Function, x: Value, high: float) -> Value:
    return f.select(f.fcmp("ogt", x, high), high, x)


def exp(f: Function, x: Value) -> Value:
    return _exp(f, x, None)


def _exp(f: Function, x: Value, remainder: Value | None) -> Value:
    """exp(x + remainder), where the remainder, if any, is less than a rounding error of x."""
    form = FORMATS[x.type.scalar]
    zero, subnormal, infinite = form.exp_range
    bounded = _at_least(f, x, zero)
    exponent, r = _split(f, bounded)
    r = f.fadd(r, remainder) if remainder else r
    mantissa = polynomial(f, r, (1.0, 1.0, *_EXPM1[x.type.scalar]))
    # Below the normal numbers: 64 more in the exponent, and 2^-64 as a factor, which rounds.
    tiny = f.fcmp("olt", x, subnormal)
    exponent = f.select(tiny, f.add(exponent, 64 << form.fraction), exponent)
    result = _scale(f, mantissa, exponent)
    result = f.select(tiny, f.fmul(result, 2.0**-64), result)
    return f.select(f.fcmp("ugt", x, infinite), f.fadd(x, _INFINITY), result)


def expm1(f: Function, x: Value) -> Value:
    """2^n (e^r - 1) + (2^n - 1), all halved on the way, so that 2^128 or 2^1024 is no obstacle."""
    form = FORMATS[x.type.scalar]
    bounded = _at_least(f, x, form.expm1_low)
    exponent, r = _split(f, bounded)
    small = f.fma(f.fmul(r, r), polynomial(f, r, _EXPM1[x.type.scalar]), r)
    half_power = _scale(f, constant(x.type, 0.5), exponent)
    result = f.fma(small, half_power, f.fsub(half_power, 0.5))
    result = f.fadd(result, result)
    result = f.select(f.fcmp("ugt", x, form.exp_range[2]), f.fadd(x, _INFINITY), result)
    return copysign(f, result, x)


def tanh(f: Function, x: Value) -> Value:
    """h / (h + 1) with h = (e^(2 |x|) - 1) / 2. As n is small, ln2 needs no second part."""
    form = FORMATS[x.type.scalar]
    magnitude = _at_most(f, absolute(f, x), form.tanh_high)
    shifted = f.fma(magnitude, 2 * _LOG2_E, form.round_shift)
    half_r = f.fma(f.fsub(shifted, form.round_shift), -0.5 * _LN_2, magnitude)
    coefficients = tuple(c * 2.0**i for i, c in enumerate(_EXPM1[x.type.scalar], start=1))
    small = f.fma(f.fmul(half_r, half_r), polynomial(f, half_r, coefficients), half_r)
    exponent = f.shl(f.bitcast(shifted, form.integer), form.fraction)
    power = _scale(f, constant(x.type, 1.0), exponent)
    h = f.fma(small, power, f.fma(power, 0.5, -0.5))
    quotient = f.fdiv(h, f.fadd(h, 1.0))
    # For small h one Newton step undoes two roundings: what is missing times 1 / (h + 1).
    residual = f.fma(f.fneg(quotient), h, f.fsub(h, quotient))
    inverse = f.select(f.fcmp("olt", h, 1.0), f.fsub(1.0, quotient), 0.0)
    return copysign(f, f.fma(residual, inverse, quotient), x)


def sigmoid(f: Function, x: Value) -> Value:
    """1 / (1 + e) for x above 0, e / (1 + e) else, with e = exp(-|x|), which never overflows."""
    falling = exp(f, f.fneg(absolute(f, x)))
    above = f.fcmp("ogt", x, 0.0)
    numerator, total = f.select(above, 1.0, falling), f.fadd(falling, 1.0)
    quotient = f.fdiv(numerator, total)
    # One Newton step undoes the roundings of the sum and of the quotient.
    lost = f.fsub(falling, f.fsub(total, 1.0))
    residual = f.fma(f.fneg(quotient), lost, f.fma(f.fneg(quotient), total, numerator))
    inverse = f.select(above, quotient, f.fsub(1.0, quotient))
    return f.fma(residual, inverse, quotient)


# The logarithm: x = 2^k (1 + g), and log(1 + g) = 2 atanh(s) for s = g / (2 + g)


def _square_root_of_half(type) -> int:
    return 0x3F3504F3 if type.scalar == "float" else 0x3FE6A09E667F3BCD


def _normalize(f: Function, x: Value) -> tuple[Value, Value]:
    """k, still an integer, and 1 + g between sqrt(1/2) and sqrt(2); x is a normal number."""
    form = FORMATS[x.type.scalar]
    half = _square_root_of_half(x.type)
    offset = f.sub(f.bitcast(x, form.integer), half)
    fraction = f.and_(offset, (1 << form.fraction) - 1)
    return f.ashr(offset, form.fraction), f.bitcast(f.add(fraction, half), x.type)


def _log_sum(f: Function, k: Value, g: Value) -> Value:
    """k ln2 + log(1 + g), arranged so that g itself, the largest part, is added last."""
    s = f.fdiv(g, f.fadd(g, 2.0))
    z = f.fmul(s, s)
    half_square = f.fmul(f.fmul(g, 0.5), g)
    ln2_high, ln2_low = FORMATS[g.type.scalar].ln2
    correction = f.fma(z, polynomial(f, z, _LOG[g.type.scalar]), half_square)
    correction = f.fma(s, correction, f.fmul(k, ln2_low))
    return f.fma(k, ln2_high, f.fsub(g, f.fsub(half_square, correction)))


def _log_special(f: Function, x: Value, result: Value) -> Value:
    """The logarithm's values at 0, infinity and outside its domain."""
    result = f.select(f.fcmp("oeq", x, _INFINITY), _INFINITY, result)
    result = f.select(f.fcmp("oeq", x, 0.0), -_INFINITY, result)
    return f.select(f.fcmp("ult", x, 0.0), _NAN, result)


def log(f: Function, x: Value) -> Value:
    form = FORMATS[x.type.scalar]
    subnormal = f.fcmp("olt", x, 2.0 ** (1 - form.bias))
    k, mantissa = _normalize(f, f.select(subnormal, f.fmul(x, 2.0**64), x))
    k = f.sitofp(f.select(subnormal, f.sub(k, 64), k), x.type)
    return _log_special(f, x, _log_sum(f, k, f.fsub(mantissa, 1.0)))


def log1p(f: Function, x: Value) -> Value:
    """The logarithm of u = 1 + x rounded, with the rounding error put back into g."""
    form = FORMATS[x.type.scalar]
    u = f.fadd(x, 1.0)
    added = f.fsub(u, x)
    error = f.fadd(f.fsub(x, f.fsub(u, added)), f.fsub(1.0, added))
    k, mantissa = _normalize(f, u)
    # 2^-k; where that is no normal number, the error is too small to matter
    exponent = f.intrinsic("smax", k.type, f.sub(form.bias, k), constant(k.type, 0))
    scale = f.bitcast(f.shl(exponent, form.fraction), x.type)
    g = f.fma(error, scale, f.fsub(mantissa, 1.0))
    return copysign(f, _log_special(f, u, _log_sum(f, f.sitofp(k, x.type), g)), x)


def erf(f: Function, x: Value) -> Value:
    """A polynomial near zero; far from it 1 - e^-p, where p grows like x^2."""
    form = FORMATS[x.type.scalar]
    near_limit, far_limit = form.erf_range
    near = f.fma(x, polynomial(f, f.fmul(x, x), _ERF_NEAR[x.type.scalar]), x)
    magnitude = _at_most(f, absolute(f, x), far_limit)
    exponent, r = _split(f, f.fneg(polynomial(f, magnitude, _ERF_FAR[x.type.scalar])))
    rest = _scale(f, polynomial(f, r, (1.0, 1.0, *_EXPM1[x.type.scalar])), exponent)
    far = copysign(f, f.fsub(1.0, rest), x)
    return f.select(f.fcmp("ogt", magnitude, near_limit), far, near)


# Powers


def power(f: Function, x: Value, y: Value) -> Value:
    """|x|^y = e^(y log |x|), then the sign of x and the special values of NumPy."""
    magnitude = absolute(f, x)
    if x.type.scalar == "float":
        wide = f.fmul(log(f, f.fpext(magnitude, "double")), f.fpext(y, "double"))
        result = f.fptrunc(exp(f, wide), "float")
    else:
        result = _power_magnitude(f, magnitude, y)
    result = f.select(f.fcmp("oeq", magnitude, 1.0), 1.0, result)
    whole = f.fcmp("oeq", trunc(f, y), y)
    half = f.fmul(y, 0.5)
    odd = f.and_(whole, f.fcmp("une", trunc(f, half), half))
    result = f.select(odd, copysign(f, result, x), result)
    outside = f.and_(f.fcmp("olt", x, 0.0), f.fcmp("ogt", x, -_INFINITY))
    result = f.select(f.and_(outside, f.not_(whole)), _NAN, result)
    return f.select(f.fcmp("oeq", y, 0.0), 1.0, result)


def _power_magnitude(f: Function, x: Value, y: Value) -> Value:
    """x^y in double for x >= 0: the product with the logarithm needs twice the digits."""
    subnormal = f.fcmp("olt", x, 2.0**-1022)
    k, mantissa = _normalize(f, f.select(subnormal, f.fmul(x, 2.0**64), x))
    k = f.sitofp(f.select(subnormal, f.sub(k, 64), k), "double")
    high, low = _log_pair(f, k, f.fsub(mantissa, 1.0))
    high = _log_special(f, x, high)
    product = f.fmul(y, high)
    remainder = f.fma(y, low, f.fma(y, high, f.fneg(product)))
    moderate = f.fcmp("olt", absolute(f, product), 1000.0)
    return _exp(f, product, f.select(moderate, remainder, 0.0))


def _fast_sum(f: Function, large: Value, small: Value) -> tuple[Value, Value]:
    """The sum of two numbers and its rounding error (Dekker); |large| >= |small|, or it is 0."""
    total = f.fadd(large, small)
    return total, f.fadd(f.fsub(large, total), small)


def _product(f: Function, a: Value, b: Value | float) -> tuple[Value, Value]:
    """The product of two numbers and its rounding error."""
    product = f.fmul(a, b)
    return product, f.fma(a, b, f.fneg(product))


def _log_pair(f: Function, k: Value, g: Value) -> tuple[Value, Value]:
    """_log_sum as two doubles, good to about 2^-64: the terms 2 s and 2 s^3 / 3 are pairs."""
    d, d_low = _fast_sum(f, constant(g.type, 2.0), g)
    s = f.fdiv(g, d)
    s_low = f.fdiv(f.fma(f.fneg(s), d_low, f.fma(f.fneg(s), d, g)), d)
    z, z_low = _product(f, s, s)
    z_low = f.fma(f.fadd(s, s), s_low, z_low)
    third, third_low = _product(f, z, 1 / 3)
    third_low = f.fma(z, _THIRD_LOW, f.fma(z_low, 1 / 3, third_low))
    tail = f.fmul(f.fmul(z, z), polynomial(f, z, _LOG_TAIL))
    cubic, cubic_low = _fast_sum(f, third, tail)
    cubic_low = f.fadd(cubic_low, third_low)
    v, v_low = _product(f, s, cubic)
    v_low = f.fma(s, cubic_low, f.fma(s_low, cubic, v_low))
    half, half_low = _fast_sum(f, s, v)
    half_low = f.fadd(half_low, f.fadd(v_low, s_low))
    ln2_high, ln2_low = FORMATS["double"].ln2
    high, low = _fast_sum(f, f.fmul(k, ln2_high), f.fadd(half, half))
    low = f.fadd(low, f.fma(k, ln2_low, f.fadd(half_low, half_low)))
    return _fast_sum(f, high, low)
