"""Comparing: receives a table; hands on what the network and classical models make of it, on the
same folds.
"""

from chainrule.train.comparing.comparison import Comparison, Entry
from chainrule.train.comparing.running import Onlooker, compare
