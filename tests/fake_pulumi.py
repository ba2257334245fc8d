"""A stand-in for the pulumi executable: the commands that the Automation API sends, in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi import automation as auto
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from slots.pool import Slots
from workspaces.opening import Witness
from workspaces.ownership import Ownership

OnOutput = Callable[[str], object]
MakeSlots = Callable[..., Slots]


@dataclass
class Backend:
    """The stacks that several FakePulumi share: config, resources and history by stack name."""

    config: dict[str, dict[str, str]] = field(default_factory=dict)
    resources: dict[str, list[str]] = field(default_factory=dict)
    history: dict[str, list[str]] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)


class FakePulumi(auto.PulumiCommand):
    """Runs commands against a Backend; fails where `failures` says so.

    failures: by verb (`up`, `stack select`), what stderr says and how often it fails.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        self.command = 'fake'
        self.version = VersionInfo(3, 259, 0)
        self.backend = backend or Backend()
        self.commands: list[str] = []
        self.failures: dict[str, list[str]] = {}
        self.during_up: Callable[[], object] = lambda: None
        # By verb, what happens first in it.
        self.before: dict[str, Callable[[], object]] = {}
        self.closed = False
        self.is_worn = False
        # How many resources the next destroy leaves, as one does that is cancelled.
        self.not_destroyed = 0
        self.outputs: Callable[[str], dict[str, Any]] = lambda request: {
            request: f'value of {request}'
        }

    def close(self) -> None:
        self.closed = True

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> auto.CommandResult:
        verb = ' '.join(args[:2]) if args[0] in ('stack', 'config') else args[0]
        self.commands.append(verb)
        if self.failures.get(verb):
            self._fail(self.failures[verb].pop(0))
        if first := self.before.get(verb):
            first()
        stdout = getattr(self, '_' + verb.replace(' ', '_'))(args, _stack_of(args))
        for line in stdout.splitlines():
            if on_output:
                on_output(line)
        return auto.CommandResult(stdout=stdout, stderr='', code=0)

    def _fail(self, stderr: str) -> None:
        raise create_command_error(auto.CommandResult(stdout='', stderr=stderr, code=255))

    def _locked(self, stack: str) -> None:
        if stack in self.backend.locks:
            self._fail(
                'error: the stack is currently locked by 1 lock(s). Either wait or cancel.\n'
                f'  file:///lock.json: created by {self.backend.locks[stack]}'
            )

    def _stack_select(self, args: list[str], stack: str) -> str:
        if stack not in self.backend.config:
            self._fail(f"error: no stack named '{stack}' found")
        return ''

    def _stack_init(self, args: list[str], stack: str) -> str:
        self._locked(stack)
        self.backend.config[stack] = {}
        self.backend.resources.setdefault(stack, [])
        self.backend.history[stack] = []
        return ''

    def _stack_rename(self, args: list[str], stack: str) -> str:
        new = args[2]
        self.backend.config[new] = self.backend.config.pop(stack)
        self.backend.resources[new] = self.backend.resources.pop(stack)
        self.backend.history[new] = self.backend.history.pop(stack)
        return ''

    def _stack_rm(self, args: list[str], stack: str) -> str:
        assert '--preserve-config' in args
        self.backend.config.pop(stack)
        self.backend.history.pop(stack)
        return ''

    def _stack_tag(self, args: list[str], stack: str) -> str:
        assert stack in self.backend.config
        return ''

    def _config_set(self, args: list[str], stack: str) -> str:
        self.backend.config[stack][args[2]] = args[-1]
        return ''

    def _refresh(self, args: list[str], stack: str) -> str:
        self._locked(stack)
        self.backend.history[stack].append('refresh')
        return f'Refreshing ({stack})'

    def _up(self, args: list[str], stack: str) -> str:
        self._locked(stack)
        self.backend.resources[stack].append('fake')
        self.backend.history[stack].append('update')
        self.during_up()
        return f'Updating ({stack})'

    def _destroy(self, args: list[str], stack: str) -> str:
        self._locked(stack)
        del self.backend.resources[stack][self.not_destroyed :]
        self.not_destroyed = 0
        self.backend.history[stack].append('destroy')
        return f'Destroying ({stack})'

    def _stack_export(self, args: list[str], stack: str) -> str:
        resources = [{'urn': each} for each in self.backend.resources[stack]]
        return json.dumps({'version': 3, 'deployment': {'resources': resources}})

    def _cancel(self, args: list[str], stack: str) -> str:
        assert stack in self.backend.config
        self.backend.locks.pop(stack, None)
        return ''

    def _stack_output(self, args: list[str], stack: str) -> str:
        return json.dumps(self.outputs(self.backend.config[stack]['request']))

    def _stack_history(self, args: list[str], stack: str) -> str:
        if not self.backend.history[stack]:
            return '[]'
        kind = self.backend.history[stack][-1]
        moment = '2026-11-23T12:00:00.000Z'
        update = {
            'version': len(self.backend.history[stack]),
            'kind': kind,
            'startTime': moment,
            'message': '',
            'environment': {},
            'config': {},
            'result': 'succeeded',
            'endTime': moment,
            'resourceChanges': {'create': 2},
        }
        return json.dumps([update])


def _stack_of(args: list[str]) -> str:
    if '--stack' in args:
        return args[args.index('--stack') + 1]
    return args[-1]


class FakeEngine:
    """Opens workspaces that all run against one in-memory backend."""

    def __init__(self) -> None:
        self.backend = Backend()
        self.opened: dict[str, FakePulumi] = {}
        self.make: Callable[[Backend], FakePulumi] = FakePulumi
        self.prepare: Callable[[FakePulumi], object] = lambda command: None

    def open_workspace(self, stack: str, witness: Witness) -> auto.LocalWorkspaceOptions:
        command = self.make(self.backend)
        self.prepare(command)
        self.opened[stack] = command
        return auto.LocalWorkspaceOptions(pulumi_command=command)

    def commands(self) -> list[str]:
        return [each for command in self.opened.values() for each in command.commands]

    def resources(self) -> list[str]:
        return [each for stack in self.backend.resources.values() for each in stack]


class Gate:
    """A point at which whoever comes waits until it is opened, within a bound."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.opened.wait(10)


def crash(state_dir: Path, name: str = 'dev') -> None:
    """Leave behind what a worker leaves that dies in a run: a slot file that says unclean."""
    (state_dir / 'slots').mkdir(exist_ok=True)
    file = Ownership(state_dir / 'slots' / name)
    file.mark(clean=False)
    file.close()


class Meeting:
    """A point that a number of threads must reach together, within a bound."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties, timeout=10)

    def __call__(self) -> None:
        self._barrier.wait()
