"""Interrupts that come before a command, in the words of the engine's protocol."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.warm.project import Project
from warm_pulumi import WarmPulumi

LIMIT = 30
SLOW_PROGRAM = 'import time; time.sleep(20)'


class Wire:
    """The two ends of an engine that its owner holds."""

    def __init__(self, requests: socket.socket, replies: IO[bytes]) -> None:
        self._requests = requests
        self._replies = replies

    def send(self, *fds: int, **request: Any) -> None:
        """Sends one line, with the descriptors for a command's output."""
        socket.send_fds(self._requests, [json.dumps(request).encode() + b'\n'], fds)

    def receive(self) -> dict[str, Any]:
        """Waits for one reply."""
        return dict(json.loads(self._replies.readline()))


@contextmanager
def engine(executable: Path, env: dict[str, str]) -> Iterator[Wire]:
    """Runs an engine, and ends it with the end of its requests."""
    ours, theirs = socket.socketpair()
    replies, replies_end = os.pipe()
    cli = executable.with_name('pulumi')
    with subprocess.Popen(
        [str(executable), '--cli', str(cli), '--replies', str(replies_end)],
        stdin=theirs.fileno(),
        pass_fds=[replies_end],
        env=env,
        start_new_session=True,
    ) as process:
        theirs.close()
        os.close(replies_end)
        try:
            with ours, open(replies, 'rb') as lines:
                yield Wire(ours, lines)
            process.wait(LIMIT)
        finally:
            process.kill()


def test_interrupt_before_its_command(engine_bin: Path, project: Project) -> None:
    """A command that is interrupted before it has begun is cancelled when it does."""
    project.write(SLOW_PROGRAM)
    env = {**os.environ, **project.env}
    with engine(engine_bin / 'pulumi-warm', env) as wire, open(os.devnull, 'w') as null:
        wire.receive()
        common = {'cwd': str(project.folder), 'env': env, 'umask': 0o022}
        wire.send(null.fileno(), null.fileno(), id=1, args=['stack', 'init', 'dev'], **common)
        assert wire.receive() == {'code': 0}
        wire.send(interrupt=2)
        up = ['up', '--yes', '--skip-preview', '--non-interactive', '--stack', 'dev']
        wire.send(null.fileno(), null.fileno(), id=2, args=up, **common)
        assert wire.receive()['code'] != 0
    assert project.locks() == []


def test_interrupt_before_the_first_command(warm: WarmPulumi, project: Project) -> None:
    """An interrupt of an engine that has not run anything yet has no effect."""
    warm.start()
    warm.interrupt()
    assert project.run(warm, 'whoami').code == 0
