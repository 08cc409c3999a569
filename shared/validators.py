"""What makes a question free: the entity tag of each address's last answer that was recorded, for one credential."""

from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy import text
from sqlalchemy.orm import Session

_KNOWN = text("SELECT url_sha256, etag FROM http_validators WHERE credential = :credential AND source_id = :source")

_NOTE = text("""
    INSERT INTO http_validators (credential, url_sha256, source_id, etag)
    SELECT :credential, v.url_sha256, :source, v.etag
    FROM unnest(CAST(:urls AS bytea[]), CAST(:etags AS text[])) AS v (url_sha256, etag)
    ORDER BY v.url_sha256
    ON CONFLICT (credential, url_sha256) DO UPDATE
    SET etag = excluded.etag, source_id = excluded.source_id, noted_at = clock_timestamp()
""")

# A rotated credential gets other tags; those of the old one would stay for ever.
_FORGET_OTHERS = text("DELETE FROM http_validators WHERE source_id = :source AND credential <> :credential")


class Validators:
    """The tags one poll may ask with, and those it has seen.

    A tag that was seen counts only once `settle` says that everything it stands for is recorded: were it kept earlier,
    a kill in between would leave a hole that "not modified" hides for ever. Not shared between threads.
    """

    def __init__(self, known: Mapping[bytes, str] | None = None) -> None:
        self.free = 0
        """How many answers were "not modified"."""
        self._known = dict(known or {})
        self._seen: dict[bytes, str] = {}
        self._settled: dict[bytes, str] = {}

    @property
    def settled(self) -> Mapping[bytes, str]:
        """The tags to keep, by the SHA-256 of their address."""
        return self._settled

    def headers(self, url: str) -> dict[str, str]:
        """The header that asks for an answer only if it is another one than the last."""
        etag = self._known.get(_key(url))
        return {} if etag is None else {"if-none-match": etag}

    def is_known(self, url: str) -> bool:
        """Whether this address was read before, and recorded."""
        return _key(url) in self._known

    def unchanged(self) -> None:
        """Count an answer that was "not modified"."""
        self.free += 1

    def saw(self, url: str, etag: str | None) -> None:
        """Hold the tag of an answer whose content is not recorded yet."""
        if etag:
            self._seen[_key(url)] = etag

    def settle(self) -> None:
        """Everything seen so far is recorded."""
        self._settled |= self._seen
        self._known |= self._seen
        self._seen = {}

    def drop(self) -> None:
        """What was seen was not recorded as a whole: it has to be read again."""
        self._seen = {}

    def forget(self) -> None:
        """Ask for everything anew."""
        self._known = {}


def known(session: Session, credential: str, source_id: int) -> Validators:
    """The tags that are kept for one source and one credential."""
    rows = session.execute(_KNOWN, {"credential": credential, "source": source_id})
    return Validators({bytes(row.url_sha256): row.etag for row in rows})


def note(session: Session, credential: str, source_id: int, settled: Mapping[bytes, str]) -> None:
    """Keep tags of answers that are recorded: in the transaction that gives the source back, never earlier."""
    if not settled:
        return
    urls, etags = zip(*settled.items(), strict=True)
    given = {"credential": credential, "source": source_id}
    session.execute(_NOTE, given | {"urls": list(urls), "etags": list(etags)})
    session.execute(_FORGET_OTHERS, given)


def _key(url: str) -> bytes:
    return sha256(url.encode()).digest()
