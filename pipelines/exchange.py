"""A pipeline's own token for one of ours, which lasts some minutes and is stored as a hash."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

import audit
from pipelines import claims
from pipelines.errors import OidcError, RefusedError
from pipelines.keys import Keys
from pipelines.trust import Issuer, Trusted, TrustFile
from stacks.moments import aware, now
from stacks.store import pipeline_tokens
from stacks.store.database import Database
from web.identity import Caller

LIFETIME = timedelta(minutes=15)
# By which a token of a pipeline is told from all others, without a look at the database.
PREFIX = 'infra_pipeline_'
SECRET_BYTES = 32
LONGEST_TOLD = 100


@dataclass(frozen=True)
class Issued:
    """A token of ours; it is shown only now."""

    token: str
    caller: Caller
    expires_at: datetime


class Exchange:
    """Gives tokens to pipelines, and knows them again; for any thread.

    Every method may raise UnavailableError.
    """

    def __init__(
        self,
        audience: str,
        file: TrustFile,
        database: Callable[[], Database],
        make_keys: Callable[[str], Keys] = Keys,
    ) -> None:
        """Take what it works with.

        audience: our own URL, which a token must be for.
        database: returns it, or raises UnavailableError as long as there is none.
        make_keys: returns the keys at a URL.
        """
        self._audience = audience
        self._file = file
        self._database = database
        self._make_keys = make_keys
        self._keys: dict[str, Keys] = {}

    def issue(self, token: str) -> Issued:
        """Return a token of ours for one of a pipeline, which counts only once.

        Raises OidcError.
        """
        try:
            issued, told = self._issue(token, self._file.trusted())
        except OidcError as error:
            audit.note('-', 'sign in by OIDC', f'refused: {error}')
            raise
        audit.note('-', f'sign in by OIDC as {issued.caller.name}: {told}', 'succeeded')
        return issued

    def caller(self, token: str) -> Caller | None:
        """Return whose a token of ours is, as long as it lasts and its trust is in the settings."""
        if not token.startswith(PREFIX):
            return None
        with self._database().reading() as connection:
            name = pipeline_tokens.trust_of(connection, _digest(token), now())
        return self._file.trusted().caller(name) if name else None

    def _issue(self, token: str, trusted: Trusted) -> tuple[Issued, str]:
        issuer, found = claims.verified(token, trusted, self._audience, self._keys_of)
        trust = trusted.trust(issuer, found)
        own = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        expires_at = now() + LIFETIME
        used_until = now() + timedelta(seconds=claims.LONGEST + 2 * claims.LEEWAY)
        seen = sha256(f'{issuer.url}\n{found["jti"]}'.encode()).hexdigest()
        try:
            with self._database().writing() as connection:
                pipeline_tokens.remove_old(connection, now())
                pipeline_tokens.insert(
                    connection,
                    digest=_digest(own),
                    seen=seen,
                    trust=trust.caller.name,
                    expires_at=expires_at,
                    forget_at=used_until,
                )
        except sa.exc.IntegrityError:
            raise RefusedError('The token was used before: get another one.') from None
        return Issued(own, trust.caller, aware(expires_at)), _told(issuer, found)

    def _keys_of(self, issuer: Issuer) -> Keys:
        # Two threads that come first make two, of which one stays.
        return self._keys.setdefault(issuer.keys_url, self._make_keys(issuer.keys_url))


def _told(issuer: Issuer, found: dict[str, Any]) -> str:
    """Return what the log tells of a pipeline: who has it done what."""
    parts = (f'{name}={str(found.get(name))[:LONGEST_TOLD]}' for name in issuer.kind.told)
    return ' '.join(parts)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
