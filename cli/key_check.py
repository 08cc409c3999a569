"""`python -m cli.key_check CONFIG`: whether the API may be started, before `observatory up` starts anything for it.

A program of its own because `up` stays a lean process, without SQLAlchemy.
"""

import sys
from pathlib import Path

from api.auth import require_key
from cli.configured import load_own, open_engine
from cli.failures import failure_of


def main(path: Path) -> int:
    """0 when the API may serve what the configuration says; else the words are said and the code is the failure's."""
    try:
        config = load_own(path)
        with open_engine(config) as engine:
            require_key(config.server, engine)
    except Exception as error:  # noqa: BLE001 (the edge of this program, like `cli.main`'s)
        failure = failure_of(error)
        failure.show()
        return failure.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
