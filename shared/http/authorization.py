"""How a credential travels in a request's headers."""

import base64
from enum import StrEnum

from pydantic import SecretStr

from shared.errors import Unauthorized


class AuthStyle(StrEnum):
    """GitHub's bearer, GitLab's own header, Jenkins' `user:token`."""

    BEARER = "bearer"
    PRIVATE_TOKEN = "private-token"  # noqa: S105 (a header's name)
    BASIC = "basic"


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
