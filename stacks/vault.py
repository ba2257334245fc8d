"""Secret inputs, encrypted before they are stored, with a key made from the passphrase."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SALT_BYTES = 16
# About 50 ms and 32 MiB, once for each process (RFC 7914 has the parameters).
COST, BLOCK, PARALLEL = 2**15, 8, 1


class WrongPassphraseError(Exception):
    """What is stored was encrypted with another passphrase."""


class Vault:
    """Encrypts and decrypts values (Fernet: AES-128-CBC and HMAC-SHA256)."""

    def __init__(self, passphrase: str, salt: bytes) -> None:
        """Make the key; the same passphrase and salt make the same."""
        scrypt = Scrypt(salt=salt, length=32, n=COST, r=BLOCK, p=PARALLEL)
        self._fernet = Fernet(base64.urlsafe_b64encode(scrypt.derive(passphrase.encode())))

    def encrypt(self, value: Any) -> str:
        """Return a value that JSON knows as text that tells nothing of it but its length."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def decrypt(self, text: str) -> Any:
        """Return the value.

        Raises WrongPassphraseError.
        """
        try:
            return json.loads(self._fernet.decrypt(text.encode()))
        except InvalidToken:
            raise WrongPassphraseError('the stored secrets have another passphrase') from None
