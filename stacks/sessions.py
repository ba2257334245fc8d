"""Who has signed in to the pages: stored, so that a session that is ended is really over."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta

from stacks.moments import now
from stacks.store import sessions
from stacks.store.database import Database

LONGEST = timedelta(hours=12)
LONGEST_IDLE = timedelta(hours=2)
# A session that is in use is noted so no more often.
NOTED_EVERY = timedelta(minutes=5)
SECRET_BYTES = 32


class Sessions:
    """The sessions of all services of a database; for any thread.

    Every method may raise UnavailableError.
    """

    def __init__(self, database: Callable[[], Database]) -> None:
        """Take what returns the database, or raises UnavailableError as long as there is none."""
        self._database = database

    def begin(self, token_digest: str) -> str:
        """Begin a session of whoever has this token; return the secret that the browser keeps.

        token_digest: of the token, as web.tokens has it. What is stored of it tells nothing
            without that secret.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with self._database().writing() as connection:
            sessions.insert(connection, _id(secret), fingerprint(secret, token_digest))
        return secret

    def fingerprint(self, secret: str) -> str | None:
        """Return what was stored of the token; None where there is no such session any more."""
        moment = now()
        since = moment - LONGEST, moment - LONGEST_IDLE
        with self._database().reading() as connection:
            row = sessions.by_id(connection, _id(secret), *since)
        if row is None:
            return None
        if moment - row.seen_at > NOTED_EVERY:
            with self._database().writing() as connection:
                sessions.see(connection, row.id)
        return str(row.fingerprint)

    def end(self, secret: str) -> None:
        """End a session."""
        with self._database().writing() as connection:
            sessions.remove(connection, _id(secret))


def fingerprint(secret: str, token_digest: str) -> str:
    """Return what is stored of a token."""
    return hmac.digest(secret.encode(), token_digest.encode(), hashlib.sha256).hex()


def _id(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
