"""chainrule: a deep-learning library whose networks are expressions, compiled whole."""

__version__ = "0.1.0"
