"""Forking a child for each run, and looking after it.

The engine speaks over a socket that is the zygote's stdin. A message without descriptors asks
whether what was imported is still what is installed. One with four starts a run; the descriptors
are a file with the job, a socket that stands for the life of the child, and the child's stdout and
stderr. On that socket the zygote reports the child's pid and later its wait status; when the engine
closes its end, the child and all it started are killed.
"""

from __future__ import annotations

import ctypes
import gc
import io
import json
import os
import selectors
import signal
import socket
import struct
import sys
import types
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from typing import Any, Protocol, TextIO

import pulumi

_NUMBER = struct.Struct('=i')
_SET_NAME = 15  # PR_SET_NAME
_QUESTION = 0  # A message that asks whether what was imported is what is installed.
_PROVIDER = 2  # A message that brings the job of a plugin, and not that of a program.
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True)
class Job:
    """One run of a program: the exec script's arguments, and the process to make of it.

    is_provider: whether it is the plugin of dynamic providers that is run, with its arguments.
    """

    argv: list[str]
    cwd: str
    env: dict[str, str]
    umask: int
    debug: bool
    is_provider: bool = False


class Snapshot(Protocol):
    """What was imported, and from where."""

    def is_current(self) -> bool: ...


def serve(greeting: dict[str, Any], snapshot: Snapshot) -> Job:
    """Forks a child for each job until the engine goes away. Returns the job, in the child."""
    gc.collect()
    gc.freeze()  # Keeps the collector of a child from touching, and so copying, shared pages.
    zygote = _Zygote(socket.socket(fileno=os.dup(0)), snapshot)
    print(json.dumps(greeting), flush=True)
    return zygote.loop()


class _Zygote:
    def __init__(self, control: socket.socket, snapshot: Snapshot) -> None:
        self._control = control
        self._snapshot = snapshot
        self._children: dict[int, socket.socket] = {}
        self._pid = os.getpid()
        self._prctl = ctypes.CDLL(None).prctl
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, self._accept)
        self._wakeup = socket.socketpair()
        for end in self._wakeup:
            end.setblocking(False)
        self._selector.register(self._wakeup[0], selectors.EVENT_READ, self._reap)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup[1].fileno())

    def loop(self) -> Job:
        while True:
            for key, _ in self._selector.select():
                job: Job | None = key.data()
                if job is not None:
                    return job

    def _accept(self) -> Job | None:
        message, fds, _, _ = socket.recv_fds(self._control, 1, 4)
        if not message:
            self._end()
        if message[0] == _QUESTION:
            print('current' if self._snapshot.is_current() else 'outdated', flush=True)
            return None
        if len(fds) != 4:  # There was no room for them; who waits learns it by the lost socket.
            for fd in fds:
                os.close(fd)
            return None
        return self._fork(message[0] == _PROVIDER, *fds)

    def _fork(
        self, is_provider: bool, job: int, life_fd: int, stdout: int, stderr: int
    ) -> Job | None:
        life = socket.socket(fileno=life_fd)
        pid = os.fork()
        if pid == 0:
            self._leave(life, stdout, stderr)
            with open(job, 'rb') as file:
                return Job(**json.load(file), is_provider=is_provider)
        os.setpgid(pid, pid)  # Here as in the child: whichever comes first.
        for fd in (job, stdout, stderr):
            os.close(fd)
        self._children[pid] = life
        self._selector.register(life, selectors.EVENT_READ, lambda: _kill_group(pid))
        _report(life, pid)
        return None

    def _reap(self) -> None:
        self._wakeup[0].recv(4096)
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            life = self._children.pop(pid)
            self._selector.unregister(life)
            _report(life, status)
            life.close()

    def _leave(self, life: socket.socket, stdout: int, stderr: int) -> None:
        """Turns the forked copy of the zygote into a process of its own, that dies with it."""
        self._prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != self._pid:  # It has died already.
            os._exit(1)
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for sock in (life, self._control, *self._wakeup, *self._children.values()):
            sock.close()
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (stdout, 1), (stderr, 2)):
            os.dup2(source, target)
            os.close(source)

    def _end(self) -> None:
        for pid in self._children:
            _kill_group(pid)
        os._exit(0)


def _kill_group(pid: int) -> None:
    """Kills the child and what it started, as far as that stayed in its process group."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _report(life: socket.socket, number: int) -> None:
    with suppress(OSError):  # The engine has cancelled the run.
        life.send(_NUMBER.pack(number), socket.MSG_NOSIGNAL)


def become(job: Job, exec_script: str) -> types.ModuleType:
    """Gives the child the surroundings in which the stock host would have started it.

    Returns a new ``__main__`` to execute the exec script in.
    """
    _surround(job)
    sys.argv = [exec_script, *job.argv]
    sys.orig_argv = [sys.orig_argv[0], *sys.argv]
    if not getattr(sys.flags, 'safe_path', False):  # Of Python 3.11.
        sys.path.insert(0, os.path.dirname(os.path.abspath(exec_script)))
    if not job.debug:
        pulumi.log.debug = lambda *_, **__: None  # The engine would only drop what it gets.
    return _new_main(exec_script)


def become_provider(job: Job) -> None:
    """Gives the child the surroundings that `python -u -m pulumi.dynamic` would have had."""
    _surround(job)
    # Else it would be known by the host's command line alone, as its programs are.
    ctypes.CDLL(None).prctl(_SET_NAME, b'pulumi-dynamic')
    sys.argv = ['-m', *job.argv]
    sys.orig_argv = [sys.orig_argv[0], '-u', '-m', 'pulumi.dynamic', *job.argv]
    if not getattr(sys.flags, 'safe_path', False):
        sys.path.insert(0, job.cwd)
    _new_main(None)
    sys.stdout, sys.stderr = _unbuffered(1, sys.stdout), _unbuffered(2, sys.stderr)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc,assignment]


def _surround(job: Job) -> None:
    os.environ.clear()
    os.environ.update(job.env)
    os.umask(job.umask)
    os.chdir(job.cwd)


def _unbuffered(fd: int, like: TextIO) -> TextIO:
    """A stream of text as -u makes it."""
    raw = io.FileIO(fd, 'w', closefd=False)
    return io.TextIOWrapper(raw, encoding=like.encoding, errors=like.errors, write_through=True)


def _new_main(exec_script: str | None) -> types.ModuleType:
    """A ``__main__`` with the attributes that the interpreter gives that of a script."""
    main = types.ModuleType('__main__')
    vars(main).update(
        __annotations__={},
        __builtins__=sys.modules['builtins'],
        __cached__=None,
        __file__=exec_script,
        __loader__=exec_script and SourceFileLoader('__main__', exec_script),
    )
    sys.modules['__main__'] = main
    return main
