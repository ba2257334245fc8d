"""What waits for somebody's word in a chat, and what is still to be told there."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from stacks.moments import now
from stacks.store.stacks import Row
from stacks.store.tables import runs, trigger_approvals, trigger_replies

approvals, replies = trigger_approvals, trigger_replies
# How long a chat takes answers, and a button counts.
TAKEN = timedelta(minutes=30)


def id_of(nonce: str) -> str:
    """Return what is stored of what a button has."""
    return hashlib.sha256(nonce.encode()).hexdigest()


def ask(connection: sa.Connection, nonce: str, values: Mapping[str, Any]) -> None:
    """Add something that somebody may agree to."""
    expires_at = now() + TAKEN
    connection.execute(approvals.insert().values(id=id_of(nonce), expires_at=expires_at, **values))


def withdraw(connection: sa.Connection, run_id: str) -> bool:
    """Have earlier buttons of a preview not count any more; False when one has decided it."""
    same = approvals.c.run_id == run_id
    connection.execute(approvals.delete().where(same, approvals.c.decided_by.is_(None)))
    return connection.execute(sa.select(approvals.c.id).where(same).limit(1)).first() is None


def asked(connection: sa.Connection, nonce: str) -> Row | None:
    """Return what a button asks for, which nobody else decides until the transaction ends."""
    query = sa.select(approvals).where(approvals.c.id == id_of(nonce)).with_for_update()
    return connection.execute(query).one_or_none()


def decide(connection: sa.Connection, id: str, who: str) -> None:
    """Note who has decided; it counts once."""
    connection.execute(approvals.update().where(approvals.c.id == id).values(decided_by=who))


def tell(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Add something that is to be told."""
    moment = now()
    connection.execute(replies.insert().values(due_at=moment, expires_at=moment + TAKEN, **values))


def due(connection: sa.Connection, sources: Collection[str]) -> list[Row]:
    """Return what can be told now in some chats: messages, and runs that have ended."""
    moment = now()
    has_ended = sa.exists().where(runs.c.id == replies.c.run_id, runs.c.ended_at.is_not(None))
    query = sa.select(replies).where(
        replies.c.due_at <= moment,
        replies.c.source.in_(sources),
        sa.or_(replies.c.message.is_not(None), has_ended),
    )
    return list(connection.execute(query.order_by(replies.c.number).limit(20)))


def claim(connection: sa.Connection, reply: Row, until: datetime) -> bool:
    """Have nobody else tell something until a moment; False when another one does it already."""
    changed = connection.execute(
        replies.update()
        .where(replies.c.number == reply.number, replies.c.attempts == reply.attempts)
        .values(due_at=until, attempts=replies.c.attempts + 1)
    )
    return bool(changed.rowcount)


def told(connection: sa.Connection, number: int) -> None:
    """Remove what was told."""
    connection.execute(replies.delete().where(replies.c.number == number))


def remove_old(connection: sa.Connection) -> None:
    """Remove what counts no more."""
    connection.execute(replies.delete().where(replies.c.expires_at < now()))
    connection.execute(approvals.delete().where(approvals.c.expires_at < now()))
