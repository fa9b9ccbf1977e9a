"""Tuning: receives a table; hands on the recipe that a search found, and a network by it."""

from chainrule.train.tuning.found import Found
from chainrule.train.tuning.searching import Listener, tune
