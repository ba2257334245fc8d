"""Which Pulumi drives a stack: the engine of this machine, warm or cold, and its surroundings."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pulumi import automation as auto
from semver import VersionInfo

import engine
from basic_pulumi import EngineUnavailableError
from engine import Engine, EngineError
from settings import CANCEL_GRACE, Settings
from warm_pulumi import ColdPulumi, WarmPulumi
from workspaces import environment


class Witness(Protocol):
    """Who is told of every process that drives Pulumi for a stack."""

    def note_start(self, pid: int) -> None:
        """Be told that a process has started, which leads a session."""

    def note_end(self, pid: int) -> None:
        """Be told that it has ended."""


class _Unheard:
    def note_start(self, pid: int) -> None: ...

    def note_end(self, pid: int) -> None: ...


UNHEARD = _Unheard()


def open_workspace(
    settings: Settings, program: Path, stack: str, witness: Witness
) -> auto.LocalWorkspaceOptions:
    """Return the options with which `stack` of the project in `program` is driven.

    Makes the state folder, its passphrase and the slot's home folder when they are missing.

    witness: told of each process that drives Pulumi.

    Raises EngineUnavailableError when there is no engine.
    """
    found = find_engine(settings)
    return auto.LocalWorkspaceOptions(
        pulumi_command=command(settings, found, witness),
        env_vars=environment.variables(settings, found, stack, program),
    )


def command(settings: Settings, found: Engine, witness: Witness) -> WarmPulumi | ColdPulumi:
    """Return what drives Pulumi, warm or cold as the settings and the engine have it.

    Raises EngineUnavailableError when they do not fit together.
    """
    if settings.engine != 'cli' and found.warm:
        return WarmPulumi(
            str(found.warm),
            str(found.pulumi),
            environ=environment.child_environ(settings),
            grace=CANCEL_GRACE,
            on_start=witness.note_start,
            on_end=witness.note_end,
        )
    if settings.engine == 'warm':
        raise EngineUnavailableError(
            f'ENGINE=warm needs our own build or wheel, but {found.pulumi} is used '
            f'({found.source}); unset PULUMI, take pulumi off PATH, or set ENGINE=auto'
        )
    return cold(settings, found, witness)


def cold(settings: Settings, found: Engine, witness: Witness = UNHEARD) -> ColdPulumi:
    """Return a command that runs the stock CLI with the environment that children may see."""
    return ColdPulumi(
        str(found.pulumi),
        VersionInfo(*found.version),
        environ=environment.child_environ(settings),
        grace=CANCEL_GRACE,
        on_start=witness.note_start,
        on_end=witness.note_end,
    )


def find_engine(settings: Settings) -> Engine:
    """Return the engine that is ready.

    Raises EngineUnavailableError when there is none, or PULUMI names an unusable one.
    """
    try:
        found = engine.find(settings.pulumi)
    except EngineError as error:
        raise EngineUnavailableError(str(error)) from error
    if found is None:
        raise EngineUnavailableError('no Pulumi engine is set up: run `make serve`')
    return found
