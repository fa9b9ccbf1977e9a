"""The audit: receives data and what is planned with them; hands on what would go wrong in
training.
"""

from chainrule.data.auditing.finding import Audit, Finding
from chainrule.data.auditing.run import audit
from chainrule.data.auditing.statistics import describe, kurtosis, skewness
