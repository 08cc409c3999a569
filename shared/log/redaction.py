"""What a secret looks like, and taking it out of a text: by its known value or by its shape."""

import re

MASK = "[secret]"

SHORTEST_KNOWN = 6
"""A shorter value is not searched for: it would mask ordinary words and hide nothing that is worth hiding."""

_known: set[str] = set()

_SHAPES = re.compile(
    r"""
      \bgh[pour]_[A-Za-z0-9]{16,}                               # GitHub tokens
    | \bghs_[A-Za-z0-9_.\-]{16,}                                # of an app: it may hold a JSON web token
    | \bgithub_pat_[A-Za-z0-9_]{16,}
    | \bgl(?:pat|rt|cbt|ptt|dt|oas|soat|ft|imt|agent)-[A-Za-z0-9_.\-]{16,}   # GitLab tokens
    | \bxox[a-z]-[A-Za-z0-9\-]{8,}                              # Slack tokens
    | \bxapp-[A-Za-z0-9\-]{8,}
    | \bbo_live_[A-Za-z0-9_\-]{8,}                              # our own keys
    | -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----[A-Za-z0-9+/=\s\\]+-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----
    | \b(?:https?://)?hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[^\s"'<>\\]+
    """,
    re.VERBOSE,
)
_HEADER = re.compile(
    r"""
    (
      \b(?:(?:proxy-)?authorization|private-token|job-token|x-api-key)
      (?:["']?\s*[:=]|["'],)\s*                                 # `name: …`, `"name": "…"`, `(b'name', b'…')`
      (?:b?["'])?
      (?:(?:basic|bearer|token|digest)\s+)?
    )
    [^\s"',;}\]]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BEARER = re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9+/=._~\-]{12,}")
# A scheme is short: without the bound, a long line of dots would be searched anew from each of them.
_USERINFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.\-]{0,30}://)[^\s/?#\"'<>]*@")
# The address Jenkins sends webhooks to ends in their secret, and a wrong one is often the old or the next one.
_WEBHOOK_PATH = re.compile(r"(?i)(/webhooks/+[^/\s]+/+[^/\s\"']+/+)[^\s\"'?<>]+")

# Looked for before any pattern is: most texts hold none of these, and the patterns cost a hundred times as much.
_HINTS = (
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "xapp-", "bo_live_", "hooks.slack", "/webhooks/"),
    "private key-----",
    *(f"gl{kind}-" for kind in ("pat", "rt", "cbt", "ptt", "dt", "oas", "soat", "ft", "imt", "agent")),
    *("authorization", "private-token", "job-token", "x-api-key", "bearer", "basic"),
)
_USERINFO_HINT = re.compile(r"://[^\s/?#\"'<>]*@")


def register_secret(value: str) -> None:
    """Remember a secret's value, so that it is masked wherever it turns up; reading a secret does it by itself."""
    if len(value) >= SHORTEST_KNOWN:
        _known.add(value)


def known_secrets() -> frozenset[str]:
    """Every registered value, for a process of ours that masks on our behalf."""
    return frozenset(_known)


def redact(text: str) -> str:
    """The text with every known secret value and everything shaped like a secret masked."""
    for value in sorted(_known, key=len, reverse=True):
        if value in text:
            text = text.replace(value, MASK)
    if not _may_hold_secret(text):
        return text
    text = _SHAPES.sub(MASK, text)
    for pattern in (_HEADER, _BEARER, _WEBHOOK_PATH):
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return _USERINFO.sub(rf"\g<1>{MASK}@", text)


def _may_hold_secret(text: str) -> bool:
    folded = text.casefold()
    for hint in _HINTS:  # a generator would cost more than the looking
        if hint in folded:
            return True
    return _USERINFO_HINT.search(text) is not None


def looks_like_secret(text: str) -> bool:
    """Whether a text has the shape of a secret, as when a token stands where the name of its variable belongs."""
    return redact(text) != text
