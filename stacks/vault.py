"""Secret inputs, encrypted before they are stored, in the form in which Pulumi reads them.

As Pulumi's own passphrase provider does it (pkg/secrets/passphrase of pulumi): a key by
PBKDF2-SHA256 from passphrase and salt, AES-256-GCM, and as text `v1:NONCE:CIPHERTEXT` in base64.
So what is stored goes into a run's settings as it is, and is decrypted by Pulumi alone.
"""

from __future__ import annotations

import base64
import functools
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

ITERATIONS = 1_000_000
KEY_BYTES = 32
SALT_BYTES = 8
NONCE_BYTES = 12
# What Pulumi encrypts to tell later whether a passphrase is the right one.
PROOF = 'pulumi'


class WrongPassphraseError(Exception):
    """What is stored was encrypted with another passphrase."""


class Vault:
    """Encrypts and decrypts texts.

    salt: what the settings of a stack have as `encryptionsalt`: the salt, and the proof.
    """

    def __init__(self, passphrase: str, salt: str) -> None:
        """Open the vault that a salt was made for.

        Raises WrongPassphraseError.
        """
        self.salt = salt
        _, salt_bytes, proof = salt.split(':', 2)
        self._cipher = _cipher(passphrase, base64.b64decode(salt_bytes))
        self.decrypt(proof)

    @staticmethod
    def new_salt(passphrase: str) -> str:
        """Return the salt of a new vault."""
        salt = os.urandom(SALT_BYTES)
        proof = _encrypt(_cipher(passphrase, salt), PROOF)
        return f'v1:{base64.b64encode(salt).decode()}:{proof}'

    def encrypt(self, text: str) -> str:
        """Return what is stored of a secret; it tells nothing of it but its length."""
        return _encrypt(self._cipher, text)

    def decrypt(self, stored: str) -> str:
        """Return the secret.

        Raises WrongPassphraseError.
        """
        _, nonce, ciphertext = stored.split(':')
        try:
            found = self._cipher.decrypt(
                base64.b64decode(nonce), base64.b64decode(ciphertext), None
            )
        except InvalidTag:
            raise WrongPassphraseError(
                'The stored secrets were encrypted with another passphrase: set the one that '
                'was in force when the database was made.'
            ) from None
        return found.decode()


# Who makes a vault opens it next, and a key takes a fifth of a second; with hashlib twice that, as
# its OpenSSL is the system's.
@functools.lru_cache(maxsize=1)
def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    derivation = PBKDF2HMAC(SHA256(), KEY_BYTES, salt, ITERATIONS)
    return AESGCM(derivation.derive(passphrase.encode()))


def _encrypt(cipher: AESGCM, text: str) -> str:
    nonce = os.urandom(NONCE_BYTES)
    sealed = cipher.encrypt(nonce, text.encode(), None)
    return f'v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}'
