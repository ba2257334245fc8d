"""The authority: a key that signs, and the certificate by which everybody knows it."""

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

Props = dict[str, Any]
YEARS = 10
# Clocks of others may be behind.
LEEWAY = datetime.timedelta(minutes=5)


class AuthorityProvider(ResourceProvider):
    """Makes authorities; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _own_certificate(key, props['organisation'])
        made = {
            'organisation': props['organisation'],
            'certificate': certificate.public_bytes(serialization.Encoding.PEM).decode(),
            'key': key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
        }
        return CreateResult(f'{certificate.serial_number:x}', made)

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        is_other = olds['organisation'] != news['organisation']
        return DiffResult(changes=is_other, replaces=['organisation'] if is_other else [])


class Authority(Resource):
    """An authority. Its key is in the stack's state, encrypted, and nowhere else."""

    certificate: Output[str]
    key: Output[str]

    def __init__(
        self, name: str, organisation: Input[str], opts: ResourceOptions | None = None
    ) -> None:
        given = {'organisation': organisation, 'certificate': None, 'key': None}
        secret = ResourceOptions(additional_secret_outputs=['key'])
        super().__init__(AuthorityProvider(), name, given, ResourceOptions.merge(secret, opts))


def _short(name: str) -> str:
    """Return a name with the 64 bytes that certificates have room for."""
    return name.encode()[:64].decode(errors='ignore')


def _own_certificate(key: ec.EllipticCurvePrivateKey, organisation: str) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _short(organisation)),
            x509.NameAttribute(NameOID.COMMON_NAME, _short(f'{organisation} authority')),
        ]
    )
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LEEWAY)
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
