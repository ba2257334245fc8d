"""Ordering a new stack, or a run of one: what is asked for is checked, then put into the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from settings import NAME, Settings
from stacks import inputs, lifetime, permissions, programs, quotas
from stacks.catalogue import Catalogue
from stacks.errors import ChangedError, ConflictError, Flaw, InvalidError, NotFoundError
from stacks.moments import now
from stacks.program_files import ProgramError
from stacks.programs import Program
from stacks.records import (
    DESTROY,
    OPERATIONS,
    PREVIEW,
    REFRESH,
    SUCCEEDED,
    TAKES_INPUTS,
    UPDATE,
    Caller,
    Run,
)
from stacks.requests import NewRun, NewStack
from stacks.store import runs, stacks
from stacks.store.stacks import Row
from stacks.submission import insist_on_turn, known_run, queue_run, remember
from stacks.vault import Vault

LONGEST_DESCRIPTION = 1000


class Ordering:
    """Checks orders and queues runs."""

    def __init__(self, settings: Settings, catalogue: Catalogue, vault: Vault) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._vault = vault

    def create(self, connection: sa.Connection, caller: Caller, request: NewStack) -> Run:
        """Add a stack, and queue the run that makes it.

        Raises PlatformError.
        """
        if run := known_run(connection, caller.name, request.key):
            return run
        values = self._new_stack(caller, request)
        if stacks.by_name(connection, request.name):
            raise ConflictError('name-taken', f'There is a stack {request.name} already.')
        quotas.insist_on_room(connection, self._settings, caller.name)
        stacks.insert(connection, values)
        row = _existing(connection, request.name)
        operation = PREVIEW if request.preview else UPDATE
        run_id = queue_run(connection, row, operation, caller.name, reason=request.reason)
        remember(connection, caller.name, request.key, run_id)
        return _shown(connection, run_id)

    def digest(self, connection: sa.Connection, caller: Caller, name: str) -> str:
        """Return the digest of a stack's program as it is now.

        Raises PlatformError.
        """
        program = self._program(visible(connection, caller, name).program, '/preview')
        try:
            return programs.digest(program.folder)
        except (OSError, ProgramError):
            raise InvalidError([Flaw('/preview', 'is of a program that cannot be read')]) from None

    def start(
        self, connection: sa.Connection, caller: Caller, name: str, request: NewRun, digest: str
    ) -> Run:
        """Queue a run of a stack.

        digest: of the stack's program now, where the run is decided by a preview.

        Raises PlatformError.
        """
        if run := known_run(connection, caller.name, request.key):
            return run
        row = visible(connection, caller, name, lock=True)
        permissions.insist_on_owner(caller, row.owner)
        permissions.insist_on_program(caller, row.program)
        if request.operation not in OPERATIONS:
            words = ', '.join(OPERATIONS)
            raise InvalidError([Flaw('/operation', f'must be one of {words}')])
        if request.accept and request.operation != REFRESH:
            raise InvalidError([Flaw('/accept', 'is for a refresh')])
        active = runs.active(connection, row.id)
        if request.operation == DESTROY:
            if under_way := [each for each in active if each.operation == DESTROY]:
                remember(connection, caller.name, request.key, under_way[0].id)
                return runs.shown(under_way[0])
            insist_on_unprotected(row.protected)
        insist_on_version(row, request.version)
        insist_on_turn(active, request.queue)
        ordered = self._inputs(connection, row, request, digest)
        run_id = queue_run(
            connection,
            row,
            request.operation,
            caller.name,
            accept=request.accept,
            preview=request.preview,
            reason=request.reason,
            inputs=ordered,
            given=list(request.inputs or {}) if request.like is None else _names(ordered),
        )
        remember(connection, caller.name, request.key, run_id)
        return _shown(connection, run_id)

    def _new_stack(self, caller: Caller, request: NewStack) -> dict[str, Any]:
        permissions.insist_on_role(caller, 'user')
        program = self._program(request.program, '/program')
        permissions.insist_on_program(caller, program.name)
        flaws = []
        if not NAME.fullmatch(request.name):
            words = 'must be at most 60 lower-case letters, digits and dashes'
            flaws.append(Flaw('/name', words))
        flaws += flaws_of_description(request.description)
        expires_at = None
        given: dict[str, Any] = {}
        try:
            expires_at = lifetime.of_new_stack(self._settings, request.ttl)
        except InvalidError as error:
            flaws += error.flaws
        try:
            given = self._checked(program, request.inputs)
        except InvalidError as error:
            flaws += error.flaws
        if flaws:
            raise InvalidError(flaws)
        return {
            'name': request.name,
            'program': program.name,
            'state': 'creating',
            'description': request.description,
            'owner': caller.name,
            'inputs': given,
            'created_at': now(),
            'expires_at': expires_at,
        }

    def _program(self, name: str, pointer: str) -> Program:
        program = self._catalogue.program(name)
        if program is None:
            raise InvalidError([Flaw(pointer, 'is not in the catalogue')])
        if program.reason:
            raise InvalidError([Flaw(pointer, f'is not available: {program.reason}')])
        return program

    def _checked(
        self, program: Program, given: Mapping[str, Any], before: Mapping[str, Any] = inputs.NONE
    ) -> dict[str, Any]:
        """Return inputs as they are stored.

        Raises InvalidError.
        """
        try:
            checked = inputs.check(program, given)
        except InvalidError as error:
            found = [Flaw('/inputs' + flaw.pointer, flaw.detail) for flaw in error.flaws]
            raise InvalidError(found) from None
        return inputs.seal(program, checked, self._vault, before)

    def _inputs(
        self, connection: sa.Connection, row: Row, request: NewRun, digest: str
    ) -> dict[str, Any]:
        """Return the inputs that a run goes with, if it is the next one of its stack."""
        if request.preview is not None:
            return dict(self._previewed(connection, row, request, digest).inputs)
        if request.operation not in TAKES_INPUTS:
            if request.inputs is not None:
                words = f'are not taken by {request.operation}'
                raise InvalidError([Flaw('/inputs', words)])
            return dict(row.inputs)
        program = self._program(row.program, '/operation')
        stored = self._like(connection, row, request)
        before = inputs.unseal(program, stored, self._vault)
        return self._checked(program, {**before, **(request.inputs or {})}, stored)

    def _like(self, connection: sa.Connection, row: Row, request: NewRun) -> dict[str, Any]:
        """Return the stored inputs that those of a request change."""
        if request.like is None:
            return dict(row.inputs)
        run = runs.by_id(connection, request.like)
        if run is None or run.stack_id != row.id or run.operation not in TAKES_INPUTS:
            raise InvalidError([Flaw('/like', 'is no run of this stack that has inputs')])
        return dict(run.inputs)

    def _previewed(self, connection: sa.Connection, row: Row, request: NewRun, digest: str) -> Row:
        """Return the preview that an update was decided by, if that still holds."""
        preview = runs.by_id(connection, request.preview or '')
        if request.operation != UPDATE:
            raise InvalidError([Flaw('/preview', 'is for an update')])
        if preview is None or preview.stack_id != row.id or preview.operation != PREVIEW:
            raise InvalidError([Flaw('/preview', 'is no preview of this stack')])
        if request.inputs is not None:
            raise InvalidError([Flaw('/inputs', 'are those of the preview')])
        if preview.state != SUCCEEDED:
            raise InvalidError([Flaw('/preview', 'has not succeeded')])
        holds = (
            preview.based_on == row.changed_by
            and preview.digest == digest
            and not runs.active(connection, row.id)
        )
        if not holds:
            raise ConflictError(
                'preview-outdated',
                'The stack, its inputs or its program have changed since that preview: make a '
                'new one.',
            )
        return preview


def _names(stored: Mapping[str, Any]) -> list[str]:
    return [*stored['plain'], *stored['secret']]


def flaws_of_description(text: str) -> list[Flaw]:
    """Return what is wrong with a description."""
    # What no database keeps as text.
    if len(text) > LONGEST_DESCRIPTION or '\0' in text:
        words = f'must be text of at most {LONGEST_DESCRIPTION} characters'
        return [Flaw('/description', words)]
    return []


def visible(connection: sa.Connection, caller: Caller, name: str, lock: bool = False) -> Row:
    """Return a stack that the caller may see.

    Raises NotFoundError, also for what is not to be seen; ForbiddenError for those who see nothing.
    """
    permissions.insist_on_role(caller, 'reader')
    row = stacks.by_name(connection, name, lock) if NAME.fullmatch(name) else None
    if row is None or not caller.may_use(row.program):
        raise NotFoundError('There is no stack of this name.')
    return row


def insist_on_version(row: Row, version: int | None) -> None:
    """Raise ChangedError when the caller has seen another version of the stack."""
    if version is not None and version != row.version:
        raise ChangedError(f'The stack has changed: its version is {row.version} now.')


def insist_on_unprotected(is_protected: bool) -> None:
    """Raise ConflictError when the stack is protected."""
    if is_protected:
        raise ConflictError('protected', 'This stack is protected. Take that away first.')


def _existing(connection: sa.Connection, name: str) -> Row:
    row = stacks.by_name(connection, name)
    assert row is not None  # Added in this transaction.
    return row


def _shown(connection: sa.Connection, run_id: str) -> Run:
    row = runs.by_id(connection, run_id)
    assert row is not None  # Added in this transaction.
    return runs.shown(row)
