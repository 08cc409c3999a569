"""How a credential travels in a request's headers."""

import base64
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from shared.errors import Unauthorized


class AuthStyle(StrEnum):
    """GitHub's bearer, GitLab's own header, Jenkins' `user:token`."""

    BEARER = "bearer"
    PRIVATE_TOKEN = "private-token"  # noqa: S105 (a header's name)
    BASIC = "basic"


class Renewable(Protocol):
    """A credential that ends while it is used and is had anew by asking the provider; for one client."""

    def current(self, path: str) -> SecretStr:
        """What opens this path now; it may have to be asked for first, so this raises what an answer may mean."""

    def refused(self) -> bool:
        """What `current` gave last was refused: whether another one can be had."""


def authorization(style: AuthStyle, credential: SecretStr, host: str) -> dict[str, str]:
    """The header that carries the credential; raises Unauthorized for one that no header can carry."""
    secret = credential.get_secret_value().strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise Unauthorized(f"the credential for {host} is empty or holds characters that no token has; set it anew")
    match style:
        case AuthStyle.BEARER:
            return {"authorization": f"Bearer {secret}"}
        case AuthStyle.PRIVATE_TOKEN:
            return {"private-token": secret}
        case AuthStyle.BASIC:
            return {"authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
