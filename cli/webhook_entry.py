"""What to enter at a provider so that it sends webhooks here: address, events, secret, and what stands in the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from shared.config.settings import ProviderSettings
from shared.secret import SecretSource
from shared.signatures import SIGNING_KEY_PREFIX

SHORTEST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Form:
    """The form of one kind of provider: where it is, and what to choose there."""

    where: str
    address: str
    content_type: str | None
    events: tuple[str, ...]
    secret: str


_FORMS = {
    "github": Form(
        where="Settings > Webhooks > Add webhook, of the repository or the organisation",
        address="Payload URL",
        content_type="application/json",
        events=("Workflow runs", "Workflow jobs", "Pushes", "Branch or tag creation", "Branch or tag deletion"),
        secret="Secret",  # noqa: S106 (the name of a field)
    ),
    "gitlab": Form(
        where="Settings > Webhooks > Add new webhook, of the project or the group",
        address="URL",
        content_type=None,
        events=("Push events", "Job events", "Pipeline events"),
        secret="Secret token",  # noqa: S106 (the name of a field)
    ),
    "jenkins": Form(
        where="Configure > Job Notifications > Add Endpoint, of each job (Notification plugin; protocol HTTP)",
        address="URL",
        content_type="JSON",
        events=("All Events",),
        secret="SECRET",  # noqa: S106 (a place in the address)
    ),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What to enter for one installation; `secret` says where it is kept, None that webhooks are not taken."""

    instance: str
    kind: str
    url: str
    form: Form
    secret: str | None
    warnings: tuple[str, ...]

    def rows(self) -> list[tuple[str, str]]:
        """Field and value, as people enter them, then the warnings."""
        form = self.form
        if self.secret is None:
            cure = 'set webhook_secret_env = "NAME" for it; `openssl rand -hex 32` makes a secret'
            return [("off", f"{self.instance} takes no webhooks: {cure}")]
        rows = [("Where", form.where), (form.address, self.url)]
        if form.content_type:
            rows.append(("Format" if self.kind == "jenkins" else "Content type", form.content_type))
        rows += [(form.secret, self.secret), ("Events", ", ".join(form.events))]
        return [*rows, *(("warning", words) for words in self.warnings)]

    def document(self) -> dict[str, object]:
        """The same for programs."""
        return {
            "instance": self.instance,
            "kind": self.kind,
            "is_on": self.secret is not None,
            "url": self.url,
            "where": self.form.where,
            "content_type": self.form.content_type,
            "events": list(self.form.events),
            "secret": self.secret,
            "warnings": list(self.warnings),
        }


def entries(providers: Sequence[ProviderSettings], base_url: str) -> list[Entry]:
    """What to enter for each installation. Raises SecretUnavailable."""
    return [_entry(provider, providers, base_url) for provider in providers]


def _entry(provider: ProviderSettings, providers: Sequence[ProviderSettings], base_url: str) -> Entry:
    url = address(provider, base_url, "SECRET")
    if provider.webhook_secret == SecretSource():
        return Entry(provider.name, provider.kind, url, _FORMS[provider.kind], None, ())
    words = kept_where(provider.webhook_secret)
    warnings = (*_of_address(base_url, provider.kind), *_of_secret(provider, providers))
    return Entry(provider.name, provider.kind, url, _form(provider), words, warnings)


def address(provider: ProviderSettings, base_url: str, secret: str) -> str:
    """Where an installation sends its webhooks; only Jenkins' address ends in the secret."""
    end = f"/{secret}" if provider.kind == "jenkins" else ""
    return f"{base_url}/webhooks/{provider.kind}/{provider.name}{end}"


def kept_where(source: SecretSource) -> str:
    """In words where a secret is read from."""
    return f"the value of {source.env}" if source.env else f"the content of {source.file}"


def _form(provider: ProviderSettings) -> Form:
    form = _FORMS[provider.kind]
    if provider.kind != "gitlab" or not provider.webhook_secrets()[0].startswith(SIGNING_KEY_PREFIX):
        return form
    return Form(form.where, form.address, form.content_type, form.events, "Signing token")


def _of_address(base_url: str, kind: str) -> list[str]:
    parts = urlsplit(base_url)
    if _is_loopback(parts.hostname or ""):
        reach = "the provider cannot reach unless it runs here: set server.base_url to the address it can"
        return [f"{base_url} is this machine only, which {reach}"]
    if parts.scheme == "http" and kind != "github":
        return ["the secret travels unencrypted over http://; put a proxy with TLS in front, and https:// in base_url"]
    return []


def _of_secret(provider: ProviderSettings, providers: Sequence[ProviderSettings]) -> list[str]:
    secrets = provider.webhook_secrets()
    warnings = []
    if len(secrets[0]) < SHORTEST_SECRET:
        warnings.append(f"the secret has fewer than {SHORTEST_SECRET} characters; `openssl rand -hex 32` makes one")
    others = [each.name for each in providers if each is not provider and {*secrets} & {*each.webhook_secrets()}]
    if others:
        warnings.append(f"{', '.join(others)} has the same secret; give each its own")
    return warnings


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
