"""Make a stack that a crash left behind clean again: no lock, no pending create, no resource."""

from __future__ import annotations

import logging
import re
import socket

from pulumi import automation as auto

import basic_pulumi
from warm_pulumi.processes import start_time

logger = logging.getLogger(__name__)

# As the self-managed backends word it for each lock (pkg/backend/diy/lock.go of pulumi).
LOCK_OWNER = re.compile(r'created by \S+@(?P<host>\S+) \(pid (?P<pid>\d+)\)')


def recover(stack: auto.Stack) -> None:
    """Remove dead locks, resolve what is pending, and destroy what is left.

    Raises basic_pulumi.ProvisioningError: BusyError when a lock belongs to a process that lives,
    or that another host would have to look for; such a lock is never touched.
    """
    logger.warning('recovering stack %s', stack.name)
    try:
        basic_pulumi.refresh_stack(stack, clear_pending_creates=True)
    except basic_pulumi.BusyError as error:
        if not _is_dead(str(error)):
            raise
        basic_pulumi.unlock_stack(stack)
        basic_pulumi.refresh_stack(stack, clear_pending_creates=True)
    basic_pulumi.destroy_stack(stack, destroy=True)


def _is_dead(message: str) -> bool:
    """Tell whether every lock that the message lists was left by a dead process of this host."""
    owners = LOCK_OWNER.findall(message)
    return bool(owners) and all(
        host == socket.gethostname() and start_time(int(pid)) is None for host, pid in owners
    )
