"""GitHub's logs: a job's text, or a zip of all of an attempt's, each behind a signed link to another host."""

import tempfile
from collections.abc import Collection, Iterator

from collectors.base import LARGEST_LOG_BYTES, LARGEST_ZIP_BYTES, LogForm, RawLog
from shared.errors import NotFound
from shared.http.client import Client

# Where github.com keeps logs: docs.github.com, "Communicating with self-hosted runners", the list of hosts.
LOG_HOSTS = ("*.actions.githubusercontent.com", "productionresultssa*.blob.core.windows.net")


def download_log(client: Client, path: str, job_external_id: str | None, hosts: Collection[str]) -> Iterator[RawLog]:
    """The one file at a path; the link GitHub redirects to lives a minute, is followed at once and kept nowhere."""
    is_whole = job_external_id is None
    with tempfile.TemporaryFile() as file:
        try:
            done = client.download(
                path,
                file,
                largest=LARGEST_ZIP_BYTES if is_whole else LARGEST_LOG_BYTES,
                must_be_whole=is_whole,
                hosts=hosts,
            )
        except NotFound as error:
            raise NotFound(
                f"GitHub has no log of this: it keeps logs 90 days unless set otherwise, shows them once a job has "
                f"finished, and they can be deleted ({error})"
            ) from error
        form = LogForm.ZIP if is_whole else LogForm.TEXT
        yield RawLog(file=file, form=form, job_external_id=job_external_id, is_cut=done.is_cut)
