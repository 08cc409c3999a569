"""`observatory up`: everything with one command, after all that can be checked before has been checked."""

import os
import shutil
import sys
from pathlib import Path

from api.origins import is_published
from cli.configured import provider_settings, receiver_settings
from cli.plan import Plan, become_the_stack
from cli.preflight import check_database, check_port, free_port, raise_file_limit
from shared.config.settings import load
from shared.errors import CannotStart

DEFAULT_CONFIG = Path("config.toml")
EXAMPLE = "config.example.toml"


def run(config_path: Path | None) -> int:
    """Checks, then becomes the process that runs everything.

    Raises `ConfigError` with every mistake, or `CannotStart`; nothing was started then.
    """
    become_the_stack(prepare(config_path))


def prepare(config_path: Path | None) -> Plan:
    """The plan for the user's own configuration. Raises `ConfigError` or `CannotStart`, having started nothing."""
    path = config_path or write_first_config(DEFAULT_CONFIG)
    config = load(path, providers=provider_settings(), receivers=receiver_settings())
    warning = raise_file_limit(config.server.max_sockets)
    if warning is not None:
        _tell(warning)
    port = config.server.port or free_port(config.server.host)
    check_port(config.server.host, port)
    if config.server.port == 0:
        os.environ["OBSERVATORY_SERVER__PORT"] = str(port)
    if config.database.url is not None:
        check_database(config.database.url.get_secret_value())
    return Plan(
        config=str(path.resolve()),
        host=config.server.host,
        port=port,
        is_published=is_published(config.server),
        data_folder=None if config.database.url is not None else str(config.database.folder),
    )


def write_first_config(path: Path) -> Path:
    """The configuration to use; the first time it is written from the example, which only watches public sources."""
    if not path.exists():
        shutil.copyfile(find_example(), path)
        _tell(f"wrote {path} from the example; edit it and start again to watch your own")
    return path


def find_example() -> Path:
    """The example configuration: in a checkout beside the folders, in an installed wheel beside this file."""
    here = Path(__file__).resolve().parent
    for place in (here.parent, here):
        if (place / EXAMPLE).exists():
            return place / EXAMPLE
    raise CannotStart(f"{EXAMPLE} is missing from this installation", "Reinstall it, or pass --config.")


def _tell(words: str) -> None:
    sys.stderr.write(f"observatory: {words}\n")
