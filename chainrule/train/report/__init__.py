"""The report: receives a run and what its training leaves; hands on one HTML file about it."""

from chainrule.train.report.facts import Report
from chainrule.train.report.gather import TableEvidence, gather
from chainrule.train.report.page import page
