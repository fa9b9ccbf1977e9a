"""Counter-based random numbers as instructions: receives counter and key words from the emitter."""

from chainrule.codegen.builder import Function
from chainrule.codegen.values import Value

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # from the golden ratio and from the root of 3


def philox4x32_10(f: Function, counter0: Value, counter1: Value, counter2: Value, counter3: Value,
                  key0: Value, key1: Value) -> tuple[Value, Value, Value, Value]:  # fmt: skip
    """Four random words a block: ten rounds of Philox 4x32 (Salmon et al. 2011), on i32 values."""
    c0, c1, c2, c3 = counter0, counter1, counter2, counter3
    for _ in range(10):
        high0, low0 = _multiply(f, c0, _MULTIPLIERS[0])
        high1, low1 = _multiply(f, c2, _MULTIPLIERS[1])
        c0, c1 = f.xor(f.xor(high1, c1), key0), low1
        c2, c3 = f.xor(f.xor(high0, c3), key1), low0
        key0, key1 = f.add(key0, _KEY_STEPS[0]), f.add(key1, _KEY_STEPS[1])
    return c0, c1, c2, c3


def _multiply(f: Function, word: Value, factor: int) -> tuple[Value, Value]:
    """The upper and the lower word of a product."""
    product = f.mul(f.zext(word, "i64"), factor)
    return f.trunc(f.lshr(product, 32), "i32"), f.trunc(product, "i32")
