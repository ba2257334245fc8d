"""Who may do what: readers look, users do what they like with their own stacks, operators all."""

from __future__ import annotations

from stacks.errors import ForbiddenError
from stacks.records import OF_MIGRATIONS, Caller


def insist_on_role(caller: Caller, role: str) -> None:
    """Raise ForbiddenError unless the caller has the role, or one above it."""
    if not caller.may(role):
        raise ForbiddenError(f'This needs the role {role}.')


def insist_on_program(caller: Caller, program: str) -> None:
    """Raise ForbiddenError unless the caller may use the program."""
    if not caller.may_use(program):
        raise ForbiddenError(f'You may not use the program {program}.')


def insist_on_owner(caller: Caller, owner: str) -> None:
    """Raise ForbiddenError unless a stack is the caller's own, or the caller is an operator."""
    insist_on_role(caller, 'user')
    if not may_change(caller, owner):
        raise ForbiddenError(f'This stack belongs to {owner}.')


def may_change(caller: Caller, owner: str) -> bool:
    """Tell whether the caller may do something with a stack of this owner."""
    return caller.may('operator') or (caller.may('user') and caller.name == owner)


def may_see_run(caller: Caller, operation: str, program: str, asked_by: str) -> bool:
    """Tell whether the caller may see a run: of a program that is for it, or its own migration."""
    if operation in OF_MIGRATIONS:
        return caller.name == asked_by or caller.may('operator')
    return caller.may_use(program)
