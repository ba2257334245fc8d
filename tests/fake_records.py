"""Stacks and runs that no engine made."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from stacks.programs import Program
from stacks.records import Caller, Run, Stack
from stacks.requests import NewRun, NewStack

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=timezone.utc)
RESOURCE = {
    'name': 'token',
    'type': 'random:index/randomBytes:RandomBytes',
    'operation': 'create',
    'state': 'done',
    'seconds': 0.5,
    'differences': [{'path': 'length', 'old': None, 'new': 32, 'replaces': False}],
}
STACK_RESOURCE: dict[str, Any] = {
    'urn': 'urn:pulumi:stack.web::token::random:index/randomBytes:RandomBytes::token',
    'type': 'random:index/randomBytes:RandomBytes',
    'name': 'token',
    'id': 'none',
    'parent': None,
    'depends_on': [],
}
UNITS = {'m': 'minutes', 'h': 'hours', 'd': 'days'}


def new_stack(caller: Caller, program: Program, request: NewStack) -> Stack:
    """Return the stack that is asked for, as nothing was done with it."""
    hidden = dict.fromkeys(program.secrets & set(request.inputs), '[secret]')
    return Stack(
        name=request.name,
        program=program.name,
        state='creating',
        description=request.description,
        inputs={**request.inputs, **hidden},
        outputs={},
        owner=caller.name,
        created_at=NOW,
        expires_at=expiry(request.ttl),
        protected=False,
        drift=None,
        last_run=None,
        version=1,
    )


def new_run(id: str, caller: Caller, stack: Stack, request: NewRun) -> Run:
    """Return the run that is asked for, as it waits to begin."""
    return Run(
        id=id,
        stack=stack.name,
        program=stack.program,
        digest='',
        operation=request.operation,
        state='queued',
        caller=caller.name,
        reason='',
        accept=request.accept,
        preview=request.preview,
        inputs={**stack.inputs, **(request.inputs or {})},
        error=None,
        resources=[],
        changes={'create': 1},
        attempts=0,
        cancel_requested=False,
        created_at=NOW,
        started_at=None,
        ended_at=None,
    )


def new_migration_run(id: str, caller: Caller, migration: str, operation: str) -> Run:
    """Return a run of a migration, as it waits to begin."""
    return Run(
        id=id,
        stack='',
        program='',
        digest='',
        operation=operation,
        state='queued',
        caller=caller.name,
        reason='',
        accept=False,
        preview=None,
        inputs={'migration': migration},
        error=None,
        resources=[],
        changes={},
        attempts=0,
        cancel_requested=False,
        created_at=NOW,
        started_at=None,
        ended_at=None,
    )


def running(run: Run) -> Run:
    """Return a run as it begins."""
    return replace(run, state='running', attempts=1, started_at=NOW)


def after(stack: Stack, run: Run) -> Stack:
    """Return a stack as a run leaves it."""
    if run.state != 'succeeded':
        return replace(stack, state='failed' if run.state == 'failed' else 'incomplete')
    if run.operation == 'update':
        return replace(stack, state='ready', inputs=run.inputs, outputs={'made_by': run.id})
    if run.operation == 'refresh':
        drift = {'checked_at': '2026-11-24T12:00:00Z', 'changes': {'update': 1}}
        return replace(stack, drift=None if run.accept else drift)
    return stack


def expiry(ttl: str | None) -> datetime | None:
    """Return when something ends that lasts so long from now."""
    return NOW + timedelta(**{UNITS[ttl[-1]]: int(ttl[:-1])}) if ttl else None


def time(text: str) -> datetime:
    """Return the time that a text says; ValueError or OverflowError when it is none."""
    found = datetime.fromisoformat(text.replace('Z', '+00:00'))
    if found.tzinfo is None:
        raise ValueError('no zone')
    return found.astimezone(timezone.utc)


def is_time(text: str) -> bool:
    """Tell whether a text says a time."""
    try:
        time(text)
    except (ValueError, OverflowError):
        return False
    return True
