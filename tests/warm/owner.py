"""A process that owns a warm engine, for a test to kill, and commands that never end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.paths import ROOT
from tests.processes import command_line
from tests.warm.project import Project
from warm_pulumi.processes import kill_session, session_members

LIMIT = 60
OWNER = """
    import contextlib, json, sys
    from pulumi.automation import CommandError
    from warm_pulumi import WarmPulumi
    engine, cli, commands = sys.argv[1:]
    warm = WarmPulumi(engine, cli)
    warm.start()
    print(warm.engine_pid, flush=True)
    for args, env in json.loads(commands):
        with contextlib.suppress(CommandError):
            warm.run(args, '.', env, on_output=lambda line: print(line, flush=True))
"""
STUBBORN_PROGRAM = """
    import signal, subprocess, time
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    subprocess.Popen(['sleep', '600'])
    print('begun', flush=True)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""
PROGRAM_THAT_WAITS = """
    import pathlib, time
    import pulumi_random
    print('begun', flush=True)
    while not pathlib.Path('go').exists():
        time.sleep(0.01)
    pulumi_random.RandomPet('pet')
"""

Command = tuple[list[str], dict[str, str]]
INIT: Command = (['stack', 'init', 'dev'], {})
UP = ['up', '--yes', '--skip-preview', '--stack', 'dev']


class Owner:
    """The process, its engine's session, and the project that its commands are about."""

    def __init__(self, engine: Path, project: Project, commands: list[Command]) -> None:
        self.project = project
        commands = [(args, {**project.env, **env}) for args, env in [INIT, *commands]]
        cli = str(project.engine_bin / 'pulumi')
        self.process = subprocess.Popen(
            [sys.executable, '-c', textwrap.dedent(OWNER), str(engine), cli, json.dumps(commands)],
            cwd=project.folder,
            env={**os.environ, 'PYTHONPATH': str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout
        self.session = int(self.output.readline())

    def wait_for(self, text: str) -> None:
        """Waits until a command has printed it."""
        assert any(text in line for line in self.output)

    def members(self, part: str) -> list[int]:
        """The living processes of the session with this in their command line."""
        return [pid for pid in session_members(self.session) if part in command_line(pid)]

    def wait_until_gone(self, part: str = '') -> None:
        """Waits until no process of the session is left, or none with the part; else fails."""
        end = time.monotonic() + LIMIT
        while left := self.members(part):
            assert time.monotonic() < end, [command_line(pid) for pid in left]
            time.sleep(0.02)

    def close(self) -> None:
        """Ends what a failed test has left."""
        self.process.kill()
        self.process.wait()
        self.output.close()
        kill_session(self.session)


@contextmanager
def silent_backend() -> Iterator[tuple[str, socket.socket]]:
    """The URL of a database that takes connections and never says a word, and its listener."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(LIMIT)
        port = listener.getsockname()[1]
        yield f'postgres://u:p@127.0.0.1:{port}/db?sslmode=disable', listener


class Start(Protocol):
    """Starts an owner with a project of its own that runs the commands."""

    def __call__(
        self,
        commands: list[Command],
        *,
        program: str = ...,
        cancel: str = ...,
        terminate: str = ...,
    ) -> Owner: ...


@contextmanager
def hanging_in(start: Start, args: list[str]) -> Iterator[Owner]:
    """A command that waits for its backend. It is not the engine's first."""
    with silent_backend() as (url, listener):
        owner = start([(args, {'PULUMI_BACKEND_URL': url})])
        with listener.accept()[0]:
            yield owner


@contextmanager
def stubborn_program(start: Start) -> Iterator[Owner]:
    """An update whose program ignores all signals that can be ignored, and has a child."""
    owner = start([(UP, {})], program=STUBBORN_PROGRAM)
    owner.wait_for('begun')
    yield owner


@contextmanager
def stopped_provider(start: Start) -> Iterator[Owner]:
    """An update whose provider does not run on."""
    owner = start([(UP, {})], program=PROGRAM_THAT_WAITS)
    owner.wait_for('begun')
    for pid in owner.members('pulumi-resource-random'):
        os.kill(pid, signal.SIGSTOP)
    (owner.project.folder / 'go').touch()
    yield owner
