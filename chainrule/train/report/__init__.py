"""The report: receives facts about a run; hands on one HTML file."""

from chainrule.train.report.facts import Report
from chainrule.train.report.page import page
