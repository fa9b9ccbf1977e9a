"""Receives functions of the builder; hands on the text of the module, or of the parts that several
threads compile.
"""

from chainrule.codegen.builder import Function


class Module:
    """Functions compiled together. `vector_bits` lets LLVM keep vectors of that width whole."""

    def __init__(self, vector_bits: int = 0):
        self._functions: list[Function] = []
        width = f'"prefer-vector-width"="{vector_bits}" "min-legal-vector-width"="{vector_bits}"'
        self._attributes = f"nounwind {width}" if vector_bits else "nounwind"

    def add(self, function: Function) -> Function:
        self._functions.append(function)
        return function

    @property
    def length(self) -> int:
        """How many lines it has."""
        return sum(function.length for function in self._functions)

    def __str__(self) -> str:
        return self._text(self._functions)

    def parts(self, count: int) -> list[tuple[str, list[str]]]:
        """So many modules that make up this one, of about one size, each with the names of its
        functions. The last function, in the first module, calls those of others by addresses that
        are to be put into the table which `addresses` returns.
        """
        own = [f for f in self._functions if not f.is_internal]
        groups: list[list[Function]] = [[own.pop()], *([] for _ in range(count - 1))]
        sizes = [group[0].length if group else 0 for group in groups]
        for function in sorted(own, key=lambda f: f.length, reverse=True):
            least = sizes.index(min(sizes))
            groups[least].append(function)
            sizes[least] += function.length
        far = [function for group in groups[1:] for function in group]
        table = f"@addresses.table = internal global [{len(far)} x ptr] zeroinitializer"
        links = [table, "define ptr @addresses() {\n  ret ptr @addresses.table\n}"]
        links += [function.forwarder(number) for number, function in enumerate(far)]
        texts = [self._text(self._with_helpers(group)) for group in groups]
        texts[0] += "\n".join(links) + "\n"
        return [(t, [f.name for f in group]) for t, group in zip(texts, groups, strict=True)]

    def _with_helpers(self, group: list[Function]) -> list[Function]:
        """Functions, and the internal ones that they need, which need no others."""
        needed = {name for f in group for name in f.needs}
        return group + [f for f in self._functions if f.is_internal and f.name in needed]

    def _text(self, functions: list[Function]) -> str:
        attributes = f"attributes #0 = {{ {self._attributes} }}"
        return "\n\n".join([*(f.text("#0") for f in functions), attributes]) + "\n"
