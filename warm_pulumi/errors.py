"""What can go wrong beside what the CLI itself reports.

Failures of a command keep the classes of ``pulumi.automation``. Ours are::

    WarmPulumiError
    ├── ClosedError            the WarmPulumi was closed
    ├── ExecutablesError       there are no executables, or they do not fit together
    ├── EngineStartError       the engine does not start
    ├── EngineDiedError        the engine died while it ran a command (also a CommandError)
    └── CommandTimeoutError    the command did not end in time       (also a CommandError)
"""

from __future__ import annotations

from pulumi.automation import CommandError, CommandResult


class WarmPulumiError(Exception):
    """Base of the errors of this package."""


class ClosedError(WarmPulumiError):
    """The WarmPulumi was closed."""

    def __init__(self) -> None:
        super().__init__('this WarmPulumi is closed')


class ExecutablesError(WarmPulumiError):
    """There is no engine or no CLI, or they are not of the version that this package goes with."""


class EngineStartError(WarmPulumiError):
    """The engine does not start."""


class EngineDiedError(CommandError, WarmPulumiError):
    """The engine was killed, or crashed, while it ran a command.

    What the command had begun is unknown. A lock that it held stays until ``stack.cancel()``.
    """

    def __init__(self, command: list[str], result: CommandResult) -> None:
        super().__init__(result)
        self.name = 'EngineDiedError'
        self.command = command
        self.result = result


class CommandTimeoutError(CommandError, WarmPulumiError):
    """The command did not end in time.

    Where ``killed`` is false, it was cancelled as by Ctrl-C: its state is saved, its lock released.
    Where it is true, it did not react, and engine, host and providers were killed: a lock that it
    held stays until ``stack.cancel()``, and resources may be in ``pending_operations``.
    """

    def __init__(self, command: list[str], result: CommandResult, killed: bool) -> None:
        super().__init__(result)
        self.name = 'CommandTimeoutError'
        self.command = command
        self.result = result
        self.killed = killed

    @classmethod
    def before_begin(cls, command: list[str], reason: str) -> CommandTimeoutError:
        """The error of a command whose time was over before it could begin."""
        return cls(command, CommandResult(stdout='', stderr=reason, code=-1), killed=False)
