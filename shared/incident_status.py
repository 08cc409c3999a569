"""How an incident stands: broken or flapping while it is open, fixed once it is over."""

from enum import StrEnum


class IncidentStatus(StrEnum):
    """`broken`: the branch fails; `flapping`: it fails and passes in turns; `fixed`: it is over."""

    BROKEN = "broken"
    FLAPPING = "flapping"
    FIXED = "fixed"


OPEN = frozenset({IncidentStatus.BROKEN, IncidentStatus.FLAPPING})
"""The incidents that are not over."""
