"""Reading the two output streams of a command, line by line, while it runs."""

from __future__ import annotations

import codecs
import io
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

OnOutput = Callable[[str], Any]

_CHUNK = 1 << 16

_log = logging.getLogger('warm_pulumi')


class OutputStream:
    """One stream: splits it into lines the way the SDK does, and hands them to a callback.

    An Exception of the callback harms neither the command nor its result: it is logged, and the
    callback not called again. All else that it raises goes to the reader.
    """

    def __init__(self, fd: int, callback: OnOutput | None) -> None:
        self.fd = fd
        self._callback = callback
        self._lines: list[str] = []
        self._rest = ''
        utf8 = codecs.getincrementaldecoder('utf-8')('replace')
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)

    def read(self) -> bool:
        """Takes in what there is. Returns False at the end of the stream."""
        data = os.read(self.fd, _CHUNK)
        *lines, self._rest = (self._rest + self._decoder.decode(data, not data)).split('\n')
        self._take(lines)
        return bool(data)

    def mute(self) -> None:
        """Has the callback not called again."""
        self._callback = None

    def text(self) -> str:
        """All that was read; to be called when nothing more will be."""
        if self._rest:
            self._take([self._rest])
            self._rest = ''
        return '\n'.join(self._lines)

    def _take(self, lines: Iterable[str]) -> None:
        stripped = [line.rstrip() for line in lines]
        # All of them first: what a callback raises must not cost a line.
        self._lines += stripped
        for line in stripped:
            self._tell(line)

    def _tell(self, line: str) -> None:
        if self._callback is None:
            return
        try:
            self._callback(line)
        except Exception:
            _log.exception('an output callback failed and is not called again: %r', self._callback)
            self.mute()


@dataclass(frozen=True)
class Streams:
    """What a command prints: two pipes, whose write ends are for the process that runs it."""

    stdout: OutputStream
    stderr: OutputStream
    ends: tuple[io.FileIO, io.FileIO]

    def hand_over(self) -> None:
        """Closes the write ends here; the streams then end with those who got them."""
        for end in self.ends:
            end.close()

    def mute(self) -> None:
        """Has no callback called again."""
        self.stdout.mute()
        self.stderr.mute()


@contextmanager
def open_streams(on_output: OnOutput | None, on_error: OnOutput | None) -> Iterator[Streams]:
    """Opens the streams of a command, and closes them with the block."""
    with ExitStack() as closing:
        stdout, stdout_end = pipe(closing)
        stderr, stderr_end = pipe(closing)
        yield Streams(
            OutputStream(stdout.fileno(), on_output),
            OutputStream(stderr.fileno(), on_error),
            (stdout_end, stderr_end),
        )


def pipe(closing: ExitStack) -> tuple[io.FileIO, io.FileIO]:
    """Opens a pipe; returns its two ends, for reading and for writing."""
    read, write = os.pipe()
    return (
        closing.enter_context(io.FileIO(read, 'r')),
        closing.enter_context(io.FileIO(write, 'w')),
    )
