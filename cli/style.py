"""How help looks: rich panels for a person at a terminal, click's plain text, which loads faster, for everyone else."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or not sys.stdout.isatty():
    from click import Command, Group
else:
    from rich_click import RichCommand as Command
    from rich_click import RichGroup as Group

__all__ = ["Command", "Group"]
