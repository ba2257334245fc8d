"""What can be wrong with the token of a pipeline.

OidcError
 ├── RefusedError      it is not what it must be
 └── KeysError         whether it is cannot be told: the keys of its issuer cannot be had
"""

from __future__ import annotations


class OidcError(Exception):
    """Base of these errors; the message is for the caller."""


class RefusedError(OidcError):
    """The token does not count here."""


class KeysError(OidcError):
    """The keys of an issuer cannot be had now."""
