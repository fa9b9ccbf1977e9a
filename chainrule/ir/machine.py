"""The machine that code is made for: what the stages of the compiler know of it, and decide by."""

from __future__ import annotations

from typing import NamedTuple

_SAME = {"arm64": "aarch64", "amd64": "x86_64"}


class Level(NamedTuple):
    """A cache, which each core has for itself or all share, or the memory behind them."""

    name: str
    size: int
    shared: bool

    def of(self, threads: int) -> int:
        """Bytes that so many threads find there together."""
        return self.size if self.shared else self.size * threads


USUAL = (Level("L1", 1 << 15, False), Level("L2", 1 << 20, False), Level("L3", 1 << 25, True))


class Machine(NamedTuple):
    """A processor and its system, by LLVM's names, and its caches of data from the nearest on."""

    triple: str
    cpu: str
    features: str = ""
    caches: tuple[Level, ...] = USUAL

    @property
    def architecture(self) -> str:
        name = self.triple.split("-")[0]
        return _SAME.get(name, name)

    @property
    def system(self) -> str:
        """ "linux", "darwin", or what else comes third."""
        return self.triple.split("-")[2].rstrip("0123456789.")

    @property
    def vector_bytes(self) -> int:
        """Of the widest vector register: 64 with AVX-512, 32 with AVX2 and FMA, else 16."""
        enabled = set(self.features.split(","))
        if "+avx512f" in enabled:
            return 64
        return 32 if {"+avx2", "+fma"} <= enabled else 16

    @property
    def adds_pairs(self) -> bool:
        """Whether it adds the products of pairs of bfloat16 to float32 (AVX-512-BF16)."""
        return self.vector_bytes == 64 and "+avx512bf16" in self.features.split(",")

    @property
    def multiplies_squares(self) -> bool:
        """Whether it multiplies squares of bfloat16, 16 rows of 64 bytes, in one instruction
        (AMX-BF16).
        """
        enabled = set(self.features.split(","))
        return self.adds_pairs and {"+amx-tile", "+amx-bf16"} <= enabled

    @property
    def own_cache(self) -> int:
        """Bytes of the largest cache that a core has for itself."""
        return max([level.size for level in self.caches if not level.shared], default=1 << 20)

    @property
    def registers(self) -> int:
        """Of vectors: AVX-512 and NEON have 32, other processors of Intel and AMD 16."""
        return 16 if self.architecture == "x86_64" and self.vector_bytes < 64 else 32
