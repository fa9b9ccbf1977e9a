"""Sine, cosine and arctangent as instructions, in the manner of `codegen.math`.

The angle is reduced in double, also for floats: x = n pi/2 + r. Up to 2^48 three parts of pi/2 and
fused multiplications leave r with full relative accuracy; a branch, taken only if some lane is
larger, multiplies the significand by the right bits of 2/pi in integers (Payne and Hanek 1983).
"""

from chainrule.codegen.builder import Function
from chainrule.codegen.math import FORMATS, absolute, copysign, polynomial
from chainrule.codegen.values import Value, constant

_HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_TWO_OVER_PI = 0.6366197723675814
_LARGE = 2.0**48
_WORD = 0xFFFFFFFF
_QUARTER_PI = {
    "float": (0.7853981633974483, -2.18556941e-08),
    "double": (0.7853981633974483, 3.061616997868383e-17),
}

# 2/pi in 32-bit words, after one word of zeros: enough for the largest double.
_TWO_OVER_PI_WORDS = (
    0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB,
    0xDEBBC561, 0xB7246E3A, 0x424DD2E0, 0x06492EEA, 0x09D1921C, 0xFE1DEB1C, 0xB129A73E, 0xE88235F5,
    0x2EBB4484, 0xE99C7026, 0xB45F7E41, 0x3991D639, 0x835339F4, 0x9C845F8B, 0xBDF9283B, 0x1FF897FF,
    0xDE05980F, 0xEF2F118B, 0x5A0A6D1F, 0x6D367ECF, 0x27CB09B7, 0x4F463F66, 0x9E5FEA2D, 0x7527BAC7,
    0xEBE5F17B, 0x3D0739F7, 0x8A5292EA, 0x6BFB5FB1, 0x1F8D5D08, 0x56033046,
)  # fmt: skip

# (sin(r) / r - 1) / r^2 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2, errors relative to the function:
# |r| <= pi/4, degree 2: 4e-9, 1.2e-10; |r| <= 1.07 pi/4, degree 5: 1e-17, 2.1e-19.
_SIN = {
    "float": (-0.166666552, 0.00833218731, -0.000195179106),
    "double": (-0.16666666666666585, 0.00833333333331118, -0.00019841269821145883,
               2.755731080245219e-06, -2.505032359459314e-08, 1.5872621513038762e-10),
}  # fmt: skip
_COS = {
    "float": (0.0416666456, -0.00138873095, 2.44322873e-05),
    "double": (0.0416666666666665, -0.0013888888888857356, 2.4801587279510262e-05,
               -2.7557311608575833e-07, 2.0875367857884848e-09, -1.1342098325056896e-11),
}  # fmt: skip

# (atan(u) / u - 1) / u^2 in u^2 for |u| <= 1/2, error relative to atan(u):
# degree 5, 3e-10; degree 11, 6.6e-18.
_ATAN = {
    "float": (-0.333333284, 0.199995533, -0.142730683, 0.1094805, -0.0800763816, 0.0390212685),
    "double": (-0.3333333333333298, 0.19999999999903004, -0.14285714276367592, 0.11111110658540665,
               -0.09090896212187917, 0.07692073355644895, -0.06663804703605175,
               0.058582585978155736, -0.05121828673039229, 0.041860184332600914,
               -0.027427355776299237, 0.010111668941316359),
}  # fmt: skip


def sin(f: Function, x: Value) -> Value:
    return f.select(f.fcmp("oeq", x, 0.0), x, _wave(f, x, 0))


def cos(f: Function, x: Value) -> Value:
    return _wave(f, x, 1)


def _wave(f: Function, x: Value, quarter: int) -> Value:
    """sin(x + quarter * pi/2): the polynomial of sine or cosine, and the sign, by the quadrant."""
    quadrant, r = _reduce(f, f.fpext(x, "double"))
    quadrant, r = f.add(quadrant, quarter), f.fptrunc(r, x.type)
    z = f.fmul(r, r)
    sine = f.fma(f.fmul(z, r), polynomial(f, z, _SIN[x.type.scalar]), r)
    cosine = f.fma(z, -0.5, 1.0)
    cosine = f.fma(f.fmul(z, z), polynomial(f, z, _COS[x.type.scalar]), cosine)
    result = f.select(_has_bit(f, quadrant, 1), cosine, sine)
    return f.select(_has_bit(f, quadrant, 2), f.fneg(result), result)


def _has_bit(f: Function, x: Value, bit: int) -> Value:
    return f.icmp("ne", f.and_(x, bit), 0)


def _reduce(f: Function, x: Value) -> tuple[Value, Value]:
    """n, an integer right in its last two bits, and r; NaN for what is not finite. x is double."""
    shift = FORMATS["double"].round_shift
    shifted = f.fma(x, _TWO_OVER_PI, shift)
    n, r = f.fsub(shifted, shift), x
    for part in _HALF_PI:
        r = f.fma(n, -part, r)
    usual = f.bitcast(shifted, "i64"), r
    magnitude = absolute(f, x)
    large = f.and_(f.fcmp("oge", magnitude, _LARGE), f.fcmp("one", magnitude, float("inf")))
    with f.when(f.reduce("or", large), usual) as branch:
        exact = _reduce_large(f, x, large)
        branch.carry(*(f.select(large, a, b) for a, b in zip(exact, usual, strict=True)))
    n, r = branch.carried
    return n, r


def _reduce_large(f: Function, x: Value, mask: Value) -> tuple[Value, Value]:
    """|x| = m 2^e, so that x 2/pi mod 4 is m times the 192 bits of 2/pi from weight 2^(1-e) on."""
    bits = f.bitcast(absolute(f, x), "i64")
    place = f.sub(f.lshr(bits, 52), 1075 - 30)
    window = _window(f, f.lshr(place, 5), f.and_(place, 31), mask)
    significand = f.or_(f.and_(bits, (1 << 52) - 1), 1 << 52)
    product = _multiply(f, window, f.and_(significand, _WORD), 0)
    product = _multiply(f, window, f.lshr(significand, 32), 1, product)
    # The first word is n, two bits, and the start of a fraction: make that one signed.
    n = f.lshr(f.add(product[0], 1 << 29), 30)
    first = f.sub(product[0], f.shl(n, 30))
    sign = f.ashr(first, 63)
    fraction: Value | float = 0.0
    for word, weight in ((3, -126), (2, -94), (1, -62)):
        digits = f.sitofp(f.xor(product[word], f.and_(sign, _WORD)), x.type)
        fraction = f.fma(digits, 2.0**weight, fraction)
    fraction = f.fma(f.sitofp(f.xor(first, sign), x.type), 2.0**-30, fraction)
    r = f.fma(fraction, _HALF_PI[0], f.fmul(fraction, _HALF_PI[1]))
    negative = f.fcmp("olt", x, 0.0)
    r = f.select(f.xor(f.icmp("ne", sign, 0), negative), f.fneg(r), r)
    return f.select(negative, f.sub(0, n), n), r


def _window(f: Function, index: Value, shift: Value, mask: Value) -> list[Value]:
    """Six words of 2/pi, as i64, from bit 32 * index + shift on."""
    table = f.table("i32", _TWO_OVER_PI_WORDS)
    type = index.type.with_scalar("i32")
    words = []
    for i in range(7):
        address = f.gep(table, f.add(index, i), "i32")
        if type.lanes == 1:
            words.append(f.load(address, type, 4))
        else:
            words.append(f.masked_gather(address, type, mask, constant(type, 0), 4))
    shift = f.trunc(shift, "i32")
    pairs = zip(words, words[1:], strict=False)
    return [f.zext(f.intrinsic("fshl", type, a, b, shift), "i64") for a, b in pairs]


def _multiply(f: Function, words: list[Value], factor: Value, shift: int,
              total: list[Value] | None = None) -> list[Value]:  # fmt: skip
    """total + words * factor * 2^(32 shift), as many words as before: what overflows is a turn."""
    result = list(total or [constant(factor.type, 0)] * len(words))
    carry = constant(factor.type, 0)
    for i in reversed(range(len(words) - shift)):
        sum = f.add(f.add(f.mul(words[i + shift], factor), result[i]), carry)
        result[i], carry = f.and_(sum, _WORD), f.lshr(sum, 32)
    return result


def atan2(f: Function, y: Value, x: Value) -> Value:
    """k pi/4 + atan(u): u is the smaller over the larger, turned by -pi/4 if that is steep."""
    scalar = x.type.scalar
    tall = f.fcmp("ogt", absolute(f, y), absolute(f, x))
    large = f.select(tall, absolute(f, y), absolute(f, x))
    small = f.select(tall, absolute(f, x), absolute(f, y))
    steep = f.fcmp("ogt", small, f.fmul(large, 0.5))
    steep = f.or_(steep, f.fcmp("oeq", small, float("inf")))
    u = f.fdiv(*_turned(f, small, large, steep))
    u = f.select(f.fcmp("oeq", small, large), 0.0, u)  # also for 0 / 0 and infinity / infinity
    z = f.fmul(u, u)
    angle = f.fma(f.fmul(u, z), polynomial(f, z, _ATAN[scalar]), u)
    k = f.select(steep, constant(x.type, 1.0), 0.0)
    left = f.icmp("slt", f.bitcast(x, FORMATS[scalar].integer), 0)
    for flipped, whole in ((tall, 2.0), (left, 4.0)):
        angle = f.select(flipped, f.fneg(angle), angle)
        k = f.select(flipped, f.fsub(whole, k), k)
    high, low = _QUARTER_PI[scalar]
    angle = copysign(f, f.fma(k, high, f.fma(k, low, angle)), y)
    return f.select(f.fcmp("uno", x, y), float("nan"), angle)


def _turned(f: Function, small: Value, large: Value, steep: Value) -> tuple[Value, Value]:
    """The point, or where steep small - large and small + large, scaled against overflow."""
    scale = f.select(f.fcmp("ogt", large, 1.0), constant(large.type, 0.25), 1.0)
    scaled = f.fmul(large, scale)
    difference, total = f.fma(small, scale, f.fneg(scaled)), f.fma(small, scale, scaled)
    return f.select(steep, difference, small), f.select(steep, total, large)
