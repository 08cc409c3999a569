"""Jenkins' logs: the console of a build as text, also while it runs; there is one a build, not one a stage."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager

from collectors.base import LARGEST_LOG_BYTES, RawLog
from collectors.fields import Fields
from collectors.jenkins_tree import is_queue_item, parse_build_id, path_of
from shared.errors import NotFound
from shared.http.client import Client

# An API token of Jenkins since 2.129: eleven, then 32 hexadecimal digits.
LOG_SECRETS = (r"\b11[0-9a-f]{32}\b",)


def download_console(
    client: Client, external_id: str, job_external_id: str | None, gate: AbstractContextManager[None]
) -> Iterator[RawLog]:
    """Everything a build printed so far; the controller is asked inside `gate` only.

    The progressive form is asked for, from its beginning, because its headers say whether more will come. The instant
    in the build's id is compared first: a job that was made anew counts from 1 again.
    """
    if job_external_id is not None:
        raise NotFound("Jenkins keeps one log for the whole build, none for a stage; ask without job")
    if is_queue_item(external_id):
        raise NotFound("this build still waits in Jenkins' queue and has printed nothing")
    full_name, number, millis = parse_build_id(external_id)
    path = f"{path_of(full_name)}/{number}"
    with tempfile.TemporaryFile() as file:
        try:
            with gate:
                if millis is not None:
                    _check_instant(client, path, millis)
                done = client.download(f"{path}/logText/progressiveText?start=0", file, largest=LARGEST_LOG_BYTES)
        except NotFound as error:
            raise NotFound(
                f"Jenkins no longer has this build: it was deleted or rotated away, or may not be seen ({error})"
            ) from error
        yield RawLog(file=file, is_complete=done.headers.get("x-more-data") != "true", is_cut=done.is_cut)


def _check_instant(client: Client, path: str, millis: int) -> None:
    timestamp = Fields(client.get_json(f"{path}/api/json", {"tree": "timestamp"}).payload).whole("timestamp")
    if timestamp != millis:
        raise NotFound(f"{path} began at another instant: its job was made anew and counts again")
