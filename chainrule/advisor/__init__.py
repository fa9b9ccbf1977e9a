"""The advisor: receives a problem; hands on a recipe for it, with its reasons."""

from chainrule.advisor.choices import choose
from chainrule.advisor.recipe import CHOICES, TUNABLE, Recipe, described
