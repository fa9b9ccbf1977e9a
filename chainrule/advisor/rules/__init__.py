"""The rules: guides to what suits which task, one record each (F-001 to F-078).

Of the rules of a topic that apply, the one with the most conditions wins; of equals, the one that
stands later: the files go from what holds of all networks to what was measured on tables.
"""

from chainrule.advisor.rules import (
    architecture,
    data,
    optimisation,
    outputs,
    regularisation,
    starting,
    tables,
    tools,
)

RULES = (
    *outputs.RULES,
    *architecture.RULES,
    *starting.RULES,
    *regularisation.RULES,
    *optimisation.RULES,
    *data.RULES,
    *tools.RULES,
    *tables.RULES,
)
