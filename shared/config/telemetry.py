"""`[telemetry]`: where traces and metrics of builds are sent to, in OpenTelemetry's words."""

from importlib.util import find_spec
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from shared.config.fields import HttpUrl, Settings
from shared.secret import SecretSource


class TelemetrySettings(Settings):
    """`[telemetry]`: an OTLP/HTTP receiver; without an endpoint nothing is sent."""

    endpoint: HttpUrl | None = Field(
        None, description="the receiver's address; `/v1/traces` and `/v1/metrics` are added to it"
    )
    headers: SecretSource = Field(
        default_factory=SecretSource,
        description="headers that prove who we are, as `name=value`, several with commas between",
    )
    metrics: bool = Field(True, description="whether metrics are sent beside the traces")
    service_name: str = Field("build-observatory", min_length=1, description="what we are called there")

    @field_validator("endpoint")
    @classmethod
    def _can_be_written(cls, value: str | None) -> str | None:
        if value is not None and (find_spec("opentelemetry") is None or find_spec("opentelemetry.proto") is None):
            raise ValueError("needs opentelemetry-proto, which is missing: pip install 'build-observatory[otel]'")
        return value

    @field_validator("headers")
    @classmethod
    def _stay_secret(cls, value: SecretSource, info: ValidationInfo) -> SecretSource:
        secret = value.read()
        if secret is None:
            return value
        pairs(secret)
        endpoint = info.data.get("endpoint")
        if endpoint is not None and urlsplit(endpoint).scheme == "http" and not _is_loopback(endpoint):
            raise ValueError("would go over the network unencrypted; give the endpoint as https://")
        return value

    def read_headers(self) -> dict[str, str]:
        """The headers, read anew; raises SecretUnavailable."""
        secret = self.headers.read()
        return {} if secret is None else pairs(secret)


def pairs(secret: SecretStr) -> dict[str, str]:
    """`name=value,name=value` as headers; raises ValueError without repeating any of it."""
    found = {}
    for part in filter(None, map(str.strip, secret.get_secret_value().split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip().replace("-", "").replace("_", "").isalnum():
            raise ValueError("names a secret that is no list of headers; write name=value, several with commas between")
        found[name.strip()] = value.strip()
    return found


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
