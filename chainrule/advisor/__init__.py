"""The advisor: receives a problem; hands on a recipe for it, with its reasons."""

from chainrule.advisor.advice import FACTS, TASKS, Advice, Choice, advise, choose
from chainrule.advisor.recipe import CHOICES, TUNABLE, Recipe, check_choices, described
from chainrule.advisor.rule import Rule
from chainrule.advisor.rules import RULES
