"""Certificates of the drills' own: an authority, and what it vouches for rightly, too long ago, or for another name."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from shared.clock import utc_now

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, each in a PEM file, as servers want them."""

    file: Path
    key_file: Path


class Authority:
    """Signs certificates; `file` is what a `ca_file` names to believe them. Everything is written to a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = generate_private_key(SECP256R1())
        self._name = _name("an authority of the drills")
        builder = _builder(self._name, self._key, -DAY, DAY).issuer_name(self._name)
        certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def vouch(self, kind: str, host: str = "localhost", *, until: timedelta = DAY) -> Certificate:
        """A certificate for a host, good from two days ago `until` so long after now."""
        key = generate_private_key(SECP256R1())
        builder = _builder(_name(f"{kind} of the drills"), key, -2 * DAY, until).issuer_name(self._name)
        return self._written(kind, key, self._signed(builder, host, self._key))

    def stranger(self, host: str = "localhost") -> Certificate:
        """A certificate that is signed by itself, so that nobody vouches for it."""
        key = generate_private_key(SECP256R1())
        name = _name("a stranger")
        return self._written("stranger", key, self._signed(_builder(name, key, -DAY, DAY).issuer_name(name), host, key))

    def _signed(self, builder: x509.CertificateBuilder, host: str, by: EllipticCurvePrivateKey) -> x509.Certificate:
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
        extended = builder.add_extension(names, critical=False).add_extension(authority, critical=False)
        return extended.sign(by, hashes.SHA256())

    def _written(self, kind: str, key: EllipticCurvePrivateKey, certificate: x509.Certificate) -> Certificate:
        written = Certificate(self._folder / f"{kind}.pem", self._folder / f"{kind}-key.pem")
        written.file.write_bytes(certificate.public_bytes(Encoding.PEM))
        written.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return written


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _builder(
    subject: x509.Name, key: EllipticCurvePrivateKey, since: timedelta, until: timedelta
) -> x509.CertificateBuilder:
    now = utc_now()
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
        .add_extension(identifier, critical=False)
    )
