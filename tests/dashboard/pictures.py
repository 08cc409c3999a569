"""`python -m tests.dashboard.pictures [NAME ...]`: every view as docs/pictures/dashboard-*.png, in both themes.

Of the world that the tests have, on a database and an API of its own. Few colours are kept, so that they stay small.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from shared.database import make_engine
from shared.embedded import server as embedded
from tests.api.stand import running_api
from tests.conftest import Databases
from tests.dashboard.looking import Looking, Theme, chromium, settle
from tests.dashboard.views import NAMES, address_of
from tests.dashboard.world import freshen, make_world
from tests.pictures import with_few_colours

TARGET = Path(__file__).parents[2] / "docs" / "pictures"
DAYS = 8
COLOURS = 200


@dataclass(frozen=True)
class Picture:
    """A view in a window of some size."""

    view: str
    theme: Theme
    width: int
    height: int

    @property
    def name(self) -> str:
        """Of its file."""
        size = "" if self.width == DESK[0] else f"-{self.width}"
        return f"dashboard-{self.view}-{self.theme}{size}"


DESK, TELEPHONE, WALL = (1440, 1000), (375, 812), (2560, 1300)
THEMES: tuple[Theme, ...] = ("light", "dark")
HANDY = ("overview", "waterfall", "build", "triage", "alerts")
PICTURES = (
    *(Picture(view, theme, *DESK) for view in NAMES for theme in THEMES),
    *(Picture(view, theme, *TELEPHONE) for view in HANDY for theme in THEMES),
    *(Picture(view, "dark", *WALL) for view in ("overview", "waterfall")),
)


def main(wanted: list[str]) -> None:
    """Take those whose name contains one of these words, or all."""
    chosen = [one for one in PICTURES if not wanted or any(word in one.name for word in wanted)]
    with _stand() as (engine, looking):
        for one in chosen:
            _take(one, engine, looking)


@contextmanager
def _stand() -> Iterator[tuple[Engine, Looking]]:
    with tempfile.TemporaryDirectory(prefix="observatory-") as parent:
        Path(parent).chmod(0o711)
        server = embedded.Server(Path(parent) / "data")
        try:
            url = Databases(server.start()).template
            engine = make_engine(url, application="pictures", pool_size=4)
            make_world(engine, days=DAYS)
            with running_api(url) as api, chromium() as browser:
                looking = Looking(browser, f"http://{api.address}")
                yield engine, looking
                looking.close()
            engine.dispose()
        finally:
            server.stop()


def _take(one: Picture, engine: Engine, looking: Looking) -> None:
    freshen(engine)
    page = looking.open(width=one.width, height=one.height, theme=one.theme, person="ada")
    page.goto(address_of(one.view, engine))
    settle(page)
    page.wait_for_timeout(600)
    picture = with_few_colours(page.screenshot(), COLOURS)
    page.context.close()
    target = TARGET / f"{one.name}.png"
    target.write_bytes(picture)
    sys.stdout.write(f"{target.name}: {len(picture) / 1000:.0f} KB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
