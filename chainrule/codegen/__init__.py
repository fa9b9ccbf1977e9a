"""From a planned program to LLVM IR text, and from text to object code."""
