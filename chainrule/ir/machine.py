"""The machine that code is made for: what the stages of the compiler know of it, and decide by."""

from __future__ import annotations

from typing import NamedTuple

_SAME = {"arm64": "aarch64", "amd64": "x86_64"}


class Machine(NamedTuple):
    """A processor and its system, by LLVM's names; `caches` are the bytes of the first and the
    second cache of a core, and of the last one, which cores share.
    """

    triple: str
    cpu: str
    features: str = ""
    caches: tuple[int, int, int] = (1 << 15, 1 << 20, 1 << 25)

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
    def registers(self) -> int:
        """Of vectors: AVX-512 and NEON have 32, other processors of Intel and AMD 16."""
        return 16 if self.architecture == "x86_64" and self.vector_bytes < 64 else 32
