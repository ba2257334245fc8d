"""The tokens that pipelines got for their own, in the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stacks.store.tables import pipeline_tokens


def insert(connection: sa.Connection, **values: Any) -> None:
    """Add a token; IntegrityError when one was given for the same of theirs."""
    connection.execute(pipeline_tokens.insert().values(**values))


def trust_of(connection: sa.Connection, digest: str, moment: datetime) -> str | None:
    """Return by which trust a token was given that lasts still; None without one."""
    query = sa.select(pipeline_tokens.c.trust).where(
        pipeline_tokens.c.digest == digest, pipeline_tokens.c.expires_at > moment
    )
    return connection.execute(query).scalar_one_or_none()


def remove_old(connection: sa.Connection, moment: datetime) -> None:
    """Forget tokens whose own ones have expired for certain."""
    connection.execute(pipeline_tokens.delete().where(pipeline_tokens.c.forget_at <= moment))
