"""Reading the two output streams of a command, line by line, while it runs."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Callable
from typing import Any

OnOutput = Callable[[str], Any]

_CHUNK = 1 << 16


class OutputStream:
    """One stream: splits it into lines the way the SDK does, and hands them to a callback.

    An exception of the callback must not leave the command without a reader. It is kept, and the
    callback not called again.
    """

    def __init__(self, fd: int, callback: OnOutput | None) -> None:
        self.fd = fd
        self.error: BaseException | None = None
        self._callback = callback
        self._lines: list[str] = []
        self._rest = ''
        utf8 = codecs.getincrementaldecoder('utf-8')('replace')
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)

    def read(self) -> bool:
        """Takes in what there is. Returns False at the end of the stream."""
        data = os.read(self.fd, _CHUNK)
        *lines, self._rest = (self._rest + self._decoder.decode(data, not data)).split('\n')
        for line in lines:
            self._take(line)
        return bool(data)

    def close(self) -> str:
        """Ends the reading and returns all of the text."""
        os.close(self.fd)
        if self._rest:
            self._take(self._rest)
        return '\n'.join(self._lines)

    def _take(self, line: str) -> None:
        line = line.rstrip()
        self._lines.append(line)
        if self._callback is None or self.error is not None:
            return
        try:
            self._callback(line)
        except BaseException as error:
            self.error = error
