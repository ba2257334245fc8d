"""A certificate that an authority has signed."""

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from authority.authority import LEEWAY, Authority

Props = dict[str, Any]
# The part of its time that is left when a certificate is renewed.
RENEWED = 1 / 3


class RequestError(Exception):
    """A signing request cannot be signed; the message is for people."""


class CertificateProvider(ResourceProvider):
    """Signs requests; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        made = _signed(props)
        return CreateResult(made['serial'], made)

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        changed = [
            each for each in ('request', 'days', 'authority') if olds.get(each) != news[each]
        ]
        is_due = _now() >= datetime.datetime.fromisoformat(olds['renew_after'])
        return DiffResult(changes=bool(changed) or is_due)

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_signed(news))


class Certificate(Resource):
    """A certificate for the names that a request has.

    request: a signing request, as PEM. days: how long it is valid.
    """

    certificate: Output[str]
    renew_after: Output[str]

    def __init__(
        self,
        name: str,
        authority: Authority,
        *,
        request: Input[str],
        days: Input[int],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = {
            'request': request,
            'days': days,
            'authority': authority.certificate,
            'key': authority.key,
        }
        made = {'certificate': None, 'serial': None, 'renew_after': None}
        super().__init__(CertificateProvider(), name, {**given, **made}, opts)


def _signed(props: Props) -> Props:
    request = _checked(props['request'])
    authority = x509.load_pem_x509_certificate(props['authority'].encode())
    key = serialization.load_pem_private_key(props['key'].encode(), password=None)
    days = int(props['days'])  # Pulumi has numbers as floats.
    begins = _now() - LEEWAY
    ends = min(_now() + datetime.timedelta(days=days), authority.not_valid_after_utc)
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    issuer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(authority.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(names, critical=not list(request.subject))
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return {
        'request': props['request'],
        'days': days,
        'authority': props['authority'],
        'certificate': certificate.public_bytes(serialization.Encoding.PEM).decode(),
        'serial': f'{certificate.serial_number:x}',
        'renew_after': (ends - (ends - begins) * RENEWED).isoformat(timespec='seconds'),
    }


def _checked(text: str) -> x509.CertificateSigningRequest:
    """Return a request that can be signed: what it asks for, and that whoever asks has the key."""
    try:
        request = x509.load_pem_x509_csr(text.encode())
    except ValueError:
        raise RequestError('This is no certificate signing request in PEM.') from None
    if not request.is_signature_valid:
        raise RequestError('The signing request is not signed by the key that it is for.')
    try:
        request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        raise RequestError(
            'The signing request names no host: it needs a subjectAltName, as '
            '`openssl req -addext "subjectAltName=DNS:web.example.com"` makes it.'
        ) from None
    return request


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
