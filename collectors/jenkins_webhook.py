"""What a webhook of Jenkins' notification plugin asks of us: a build or a queue item to fetch. Pure."""

from datetime import datetime

from collectors.fields import LINK, Fields
from collectors.jenkins_reading import FINAL, refetch_ids
from collectors.jenkins_tree import ROOT, named_by
from collectors.webhook import Fetch, Nothing, Subject, Task


def read(_event: str, body: object, _host: str, received_at: datetime) -> Task:
    """The build is fetched: nothing signs its webhook, and a recreated job counts its builds anew (PROVIDERS §4.5)."""
    hook = Fields(body)
    build = hook.inside("build")
    told = (build.text("full_url", LINK), build.text("url", LINK), hook.text("url", LINK))
    named = next((found for url in told if url and (found := named_by(url)) is not None), None)
    ids = refetch_ids(body)
    if named is None or not ids:
        return Nothing("a notification that names no build")
    is_over = None if not build.has("phase") else build.text("phase") in FINAL
    return Fetch(Subject(_scopes(named[0])), ids[0], received_at, is_over)


def _scopes(full_name: str) -> tuple[str, ...]:
    """The job and every folder it lies in, the nearest first: any of them may be the source."""
    names = full_name.split("/")
    return (*("/".join(names[:count]) for count in range(len(names), 0, -1)), ROOT)
