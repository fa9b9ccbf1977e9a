"""The activation functions by name, each with a card of its properties."""

from chainrule.activations.card import Card, card
from chainrule.activations.registry import get, names
