"""`infra` as a process of its own: in a pipe, or at a terminal where somebody types."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import processes

INFRA = str(Path(sys.executable).parent / 'infra')
PATIENCE = 60.0
CTRL_C = '\x03'


@dataclass(frozen=True)
class Done:
    """How a process ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which `infra` is found."""
    path = f'{Path(INFRA).parent}:{os.environ["PATH"]}'
    return {**os.environ, 'PATH': path, 'TERM': 'xterm', **more}


def in_pipe(*arguments: str, stdin: str = '', **environ: str) -> Done:
    """Return how a command ended whose output another program reads."""
    done = subprocess.run(
        [INFRA, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(**environ),
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def in_shell(script: str, **environ: str) -> Done:
    """Return how a bash script ended."""
    done = subprocess.run(
        ['bash', '-euo', 'pipefail', '-c', script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(**environ),
        timeout=3 * PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Terminal:
    """A command at a terminal, as somebody sees it."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process = process
        self.seen = ''
        self._screen = screen
        self._known = 0

    def wait_for(self, words: str) -> None:
        """Wait until words appear after those that were waited for before."""
        ends_at = time.monotonic() + PATIENCE
        while (found := self.seen.find(words, self._known)) < 0:
            assert time.monotonic() < ends_at, self.seen
            assert self._read(), f'{words!r} is not in {self.seen!r}'
        self._known = found + len(words)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._screen, keys.encode())

    def end(self) -> int:
        """Wait until it ends; return its exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        """Take in what appears; tell whether there may be more."""
        ready, _, _ = select.select([self._screen], [], [], PATIENCE)
        assert ready, self.seen
        try:
            data = os.read(self._screen, 4096)
        except OSError:  # Linux has this for the end.
            return False
        self.seen += data.decode(errors='replace')
        return bool(data)


@contextmanager
def at_terminal(*arguments: str, **environ: str) -> Iterator[Terminal]:
    """Start a command at a terminal of its own."""
    screen, inside = pty.openpty()
    process = subprocess.Popen(
        # So that Ctrl-C and hidden questions find a terminal.
        ['setsid', '--ctty', INFRA, *arguments],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=environment(**environ),
    )
    os.close(inside)
    try:
        yield Terminal(process, screen)
    finally:
        with contextlib.suppress(ProcessLookupError):
            processes.kill_tree(process.pid)
        process.wait()
        os.close(screen)
