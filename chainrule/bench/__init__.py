"""Measuring: receives names of workloads and peers; hands on times, ratios and limits."""

from chainrule.bench.contenders import PEERS, Broken, find_peers
from chainrule.bench.report import (
    Limit,
    Report,
    Result,
    geometric_mean,
    limits,
    machine,
    spread,
    write_limits,
)
from chainrule.bench.rounds import Entry, Plan, measure
from chainrule.bench.workloads import GROUPS, WORKLOADS, Workload, chosen
