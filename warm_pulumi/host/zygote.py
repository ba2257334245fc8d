"""The zygote: a single-threaded process that forks a child for each run.

The server sends a job over the control socket with three descriptors: the child's stdout and stderr,
and one end of a socket that stands for the run. On that socket the zygote reports the child's pid and
later its wait status; when the server closes its end, the child and all it started are killed.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import struct
import sys
import types
from dataclasses import asdict, dataclass
from typing import Any

_STATUS = struct.Struct('=i')
_MAX_JOB = 4 << 20


@dataclass(frozen=True)
class Job:
    """One run of a program: the exec script's arguments, and the process to make of it."""

    argv: list[str]
    cwd: str
    env: dict[str, str]


def control_pair() -> tuple[socket.socket, socket.socket]:
    """Packets, so that a job is one message with its descriptors."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MAX_JOB)
    return pair


class Client:
    """The server's side of the control socket."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def start(self, job: Job, stdout: int, stderr: int) -> Run:
        """Asks for a child that runs the job."""
        ours, theirs = socket.socketpair()
        with theirs:
            fds = [stdout, stderr, theirs.fileno()]
            socket.send_fds(self._control, [json.dumps(asdict(job)).encode()], fds)
        return Run(ours)


class Run:
    """A child that runs a program, seen from the server."""

    def __init__(self, life: socket.socket) -> None:
        self._life = life
        self._pid: int | None = None

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._life.fileno()

    def cancel(self) -> None:
        """Has the child killed. May be called from any thread, also after the end."""
        try:
            self._life.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def news(self) -> int | None:
        """Reads what there is; returns the wait status once the child has ended."""
        message = self._life.recv(_STATUS.size)
        if not message:  # Cancelled, or the zygote died. Then nobody else kills the child.
            if self._pid is not None:
                kill_group(self._pid)
            return signal.SIGKILL
        (number,) = _STATUS.unpack(message)
        if self._pid is None:
            self._pid = number
            return None
        return int(number)

    def close(self) -> None:
        """Ends the run."""
        self._life.close()


def kill_group(pid: int) -> None:
    """Kills the child and what it started, as far as that stayed in its process group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def serve(control: socket.socket) -> Job:
    """Forks a child for each job until the server goes away. Returns a job, in the child."""
    gc.collect()
    gc.freeze()  # Keeps the collector of a child from touching, and so copying, shared pages.
    return _Zygote(control).loop()


class _Zygote:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, socket.socket] = {}
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
                job = key.data()
                if job is not None:
                    return job

    def _accept(self) -> Job | None:
        message, fds, _, _ = socket.recv_fds(self._control, _MAX_JOB, 3)
        if not message:
            self._end()
        stdout, stderr, life_fd = fds
        life = socket.socket(fileno=life_fd)
        pid = os.fork()
        if pid == 0:
            self._leave(life, stdout, stderr)
            return Job(**json.loads(message))
        os.setpgid(pid, pid)  # Here as in the child: whichever comes first.
        os.close(stdout)
        os.close(stderr)
        self._children[pid] = life
        self._selector.register(life, selectors.EVENT_READ, lambda: kill_group(pid))
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
        """Turns the forked copy of the zygote into a process of its own."""
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
            kill_group(pid)
        os._exit(0)


def _report(life: socket.socket, number: int) -> None:
    try:
        life.send(_STATUS.pack(number), socket.MSG_NOSIGNAL)
    except OSError:  # The server has cancelled the run.
        pass


def become(job: Job, exec_script: str, baseline: frozenset[str]) -> dict[str, Any]:
    """Gives the child the surroundings in which the stock host would have started it.

    Returns the namespace of a new ``__main__`` to execute the exec script in.
    """
    os.environ.clear()
    os.environ.update(job.env)
    os.chdir(job.cwd)
    sys.argv = [exec_script, *job.argv]
    sys.path.insert(0, os.path.dirname(os.path.abspath(exec_script)))
    _forget_shadowed(job.cwd, baseline)
    main = types.ModuleType('__main__')
    main.__file__ = exec_script
    sys.modules['__main__'] = main
    return main.__dict__


def _forget_shadowed(program: str, baseline: frozenset[str]) -> None:
    """A module beside the program wins over an installed one of the same name: unload the latter."""
    beside = {name.partition('.')[0] for name in os.listdir(program)}
    for name in list(sys.modules):
        if name not in baseline and name.partition('.')[0] in beside:
            del sys.modules[name]
