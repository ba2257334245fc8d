"""Putting runs into the queue, and what an Idempotency-Key does there."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa

from stacks.errors import ConflictError
from stacks.records import DESTROY, PREVIEW, Run
from stacks.requests import Key
from stacks.store import runs, stacks
from stacks.store.stacks import Row

# Runs of one stack that have not ended.
MOST_ACTIVE = 20


def queue_run(
    connection: sa.Connection, stack: Row, operation: str, caller: str, **values: Any
) -> str:
    """Put a run of a stack into the queue and return its id.

    values: further columns of the run, as its `inputs` where they are not the stack's.
    """
    run_id = f'run_{secrets.token_hex(12)}'
    runs.insert(
        connection,
        {
            'id': run_id,
            'stack_id': stack.id,
            'stack': stack.name,
            'program': stack.program,
            'operation': operation,
            'caller': caller,
            'inputs': stack.inputs,
            **values,
        },
    )
    stacks.change(connection, stack.id, last_run=run_id)
    return run_id


def note_withdrawn(connection: sa.Connection, run: Row, stack: Row | None) -> None:
    """Note what a stack is, now that a run of it that waited will not be done.

    run: as it was while it waited.
    """
    if stack is None:
        return
    if run.started_at is not None:
        # It was put off in its midst.
        stacks.cut_short(connection, stack, run.operation)
    elif run.operation == PREVIEW:
        # Nothing was to be made by it.
        return
    elif stack.state == 'creating' and not runs.active(connection, stack.id):
        stacks.change(connection, stack.id, state='incomplete')


def known_run(connection: sa.Connection, caller: str, key: Key | None) -> Run | None:
    """Return what came of the same request when it was sent before; None when it was not.

    Raises ConflictError when the key was used for another request.
    """
    found = runs.key(connection, caller, key.text) if key else None
    if key is None or found is None:
        return None
    if found.fingerprint != key.fingerprint:
        raise ConflictError('key-reused', 'This Idempotency-Key was used for another request.')
    row = runs.by_id(connection, found.run_id)
    if row is None:
        raise ConflictError('key-reused', 'The run of this Idempotency-Key is not kept any more.')
    return runs.shown(row)


def remember(connection: sa.Connection, caller: str, key: Key | None, run_id: str) -> None:
    """Have the same request come to the same run when it is sent again."""
    if key:
        runs.insert_key(connection, caller, key.text, key.fingerprint, run_id)


def insist_on_turn(active: list[Row], may_wait: bool) -> None:
    """Raise ConflictError when a run is in the way of another one of its stack."""
    if active and not may_wait:
        run = active[0]
        raise ConflictError(
            'run-in-progress',
            f'A run is under way on this stack ({run.operation}). Wait for its end, or ask to be '
            'queued.',
            run.id,
        )
    if len(active) >= MOST_ACTIVE:
        raise ConflictError(
            'queue-full',
            f'As many runs wait for this stack as may wait, {len(active)}. Try again after one '
            'has ended.',
            active[0].id,
        )
    if any(each.operation == DESTROY for each in active):
        raise ConflictError('run-in-progress', 'This stack is being destroyed.', active[-1].id)
