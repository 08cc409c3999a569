"""What trying a Jenkins source found, in words: is it one, which version, whose eyes, and does it know its address."""

from urllib.parse import urlsplit

from collectors.base import Check
from collectors.fields import LINK, Fields
from shared.http.client import Answer


def about(top: Answer, jobs: int, base_url: str, scope: str, username: str | None) -> Check:
    """`top` is the answer of the controller's root, `jobs` how many the source was seen to have."""
    version = top.headers.get("x-jenkins")
    if version is None:
        trouble = (
            f"{base_url} answers, but not as a Jenkins does (no X-Jenkins header); is base_url right, with the context "
            f"path if there is one?"
        )
        return Check(is_ok=False, words=(trouble,))
    words = (
        f"Jenkins {version}, {_jobs(jobs)} with builds can be read in {'all of it' if scope == '/' else scope}",
        f"read as {username}" if username else "no token is used, so only what everybody may see is read",
        *_own_address(top, base_url),
    )
    return Check(is_ok=True, words=words)


def _jobs(count: int) -> str:
    return {0: "no job", 1: "1 job"}.get(count, f"{count} jobs")


def _own_address(top: Answer, base_url: str) -> tuple[str, ...]:
    own = Fields(top.payload).text("url", LINK)
    if own is None or own.rstrip("/") == base_url:
        return ()
    try:
        named = urlsplit(own)
    except ValueError:
        return (f"the Jenkins URL in its system settings is no address; links lead to {base_url} all the same",)
    words = (
        f"it calls itself {named.scheme}://{named.netloc}{named.path}; links lead to {base_url} all the same, and the "
        f"Jenkins URL in its system settings would set it right"
    )
    return (words,)
