"""How many stacks there may be."""

from __future__ import annotations

import sqlalchemy as sa

from settings import Settings
from stacks.errors import ConflictError
from stacks.store import stacks


def insist_on_room(connection: sa.Connection, settings: Settings, owner: str) -> None:
    """Raise ConflictError when there may be no further stack, or none of an owner."""
    stacks.add_alone(connection)
    if stacks.count(connection) >= settings.max_stacks:
        raise ConflictError('quota-reached', 'There are as many stacks as there may be.')
    _insist_on_own(connection, settings, owner)


def insist_on_room_of(connection: sa.Connection, settings: Settings, owner: str) -> None:
    """Raise ConflictError when an owner may have no further stack."""
    stacks.add_alone(connection)
    _insist_on_own(connection, settings, owner)


def _insist_on_own(connection: sa.Connection, settings: Settings, owner: str) -> None:
    own = settings.max_stacks_per_owner
    if own and stacks.count(connection, owner) >= own:
        raise ConflictError('quota-reached', f'{owner} has as many stacks as one may have, {own}.')
