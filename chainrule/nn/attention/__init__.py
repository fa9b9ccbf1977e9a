"""Attention: receives queries, keys and values, or sequences; hands on what each place finds."""

from chainrule.nn.attention.function import attention, attention_weights
from chainrule.nn.attention.linear import linear_attention

__all__ = ["attention", "attention_weights", "linear_attention"]
