"""Make a stack that a crash left behind clean again: no lock, no pending create, no resource."""

from __future__ import annotations

import logging
from collections.abc import Collection

from pulumi import automation as auto

import basic_pulumi
from workspaces import locks

logger = logging.getLogger(__name__)


def recover(
    context: basic_pulumi.Context, options: auto.LocalWorkspaceOptions, ours: Collection[int]
) -> None:
    """Remove dead locks, resolve what is pending, and destroy what is left.

    ours: processes that work for nobody but the caller, and so do not use the stack now.

    Raises basic_pulumi.ProvisioningError: BusyError when a lock belongs to a process that lives,
    or that another host would have to look for; such a lock is never touched.
    """
    logger.warning('recovering stack %s', context['stack_name'])
    stack = _existing(context, options, ours)
    try:
        basic_pulumi.refresh_stack(stack, clear_pending_creates=True)
    except basic_pulumi.BusyError as error:
        _insist_on_death(error, ours)
        basic_pulumi.unlock_stack(stack)
        basic_pulumi.refresh_stack(stack, clear_pending_creates=True)
    basic_pulumi.destroy_stack(stack, destroy=True)


def _existing(
    context: basic_pulumi.Context, options: auto.LocalWorkspaceOptions, ours: Collection[int]
) -> auto.Stack:
    """Return the stack, also where its lock is all that there is of it.

    That is what is left when Pulumi is killed as it makes or removes a stack. It makes none that is
    locked, and unlocks none that is not there; but it gives its name to another stack.
    """
    try:
        return basic_pulumi.set_stack(context, options)
    except basic_pulumi.BusyError as error:
        _insist_on_death(error, ours)
    unlock_absent(context, options)
    return basic_pulumi.set_stack(context, options)


def unlock_absent(context: basic_pulumi.Context, options: auto.LocalWorkspaceOptions) -> None:
    """Make a stack that is locked and is not there; only when its locks' owners are dead.

    Raises basic_pulumi.ProvisioningError.
    """
    other = f'{context["stack"]}-unlocking'
    spare = basic_pulumi.set_context(
        context['org'], context['project'], other, context['dirname'], context['request']
    )
    basic_pulumi.rename_stack(basic_pulumi.set_stack(spare, options), context)


def _insist_on_death(error: basic_pulumi.BusyError, ours: Collection[int]) -> None:
    """Raise the error again unless a dead process of this host left every lock that it lists."""
    owners = locks.owners(str(error))
    if not owners or not all(owner.is_dead(ours) for owner in owners):
        raise error
