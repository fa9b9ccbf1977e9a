"""Base: counts what compiled functions must notice, although no argument of theirs tells of it.

Somebody looks at the content of state, so that it must not be overwritten in place; an attribute of
a module is set; a setting changes. While the counts stay the same, a call may run as the last did.
"""

from __future__ import annotations


class Events:
    """`count` of all events in this process; `open`: the transforms and modes that have begun and
    not ended, in any thread.
    """

    count = 0
    open = 0
