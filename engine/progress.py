"""How far a long set-up is: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

# Seconds between two looks of a terminal's reader, and of a log's.
REFRESH = 0.5
SELDOM = 15.0
# A guess needs this part of the work done, and this many seconds of it.
ENOUGH_DONE = 0.05
ENOUGH_TIME = 10.0


class Step:
    """One of the things that are done side by side."""

    def __init__(self, name: str, unit: str, is_even: bool) -> None:
        self.name = name
        self.unit = unit
        self._is_even = is_even
        self.done = 0
        self.total = 0
        self.started = time.monotonic()

    def __str__(self) -> str:
        if not self.total:
            return self.name
        return f'{self.name} {min(self.done, self.total):,} of {self.total:,} {self.unit}'

    def counting(self, pattern: re.Pattern[str]) -> Callable[[str], None]:
        """Return a function that takes lines, and counts those that are a pattern's."""

        def take(line: str) -> None:
            if pattern.fullmatch(line):
                self.done += 1

        return take

    def left(self) -> float | None:
        """Return the seconds that are left, as the counts suggest; None where these say nothing."""
        gone = time.monotonic() - self.started
        is_known = self._is_even and self.total and self.done >= ENOUGH_DONE * self.total
        if gone < ENOUGH_TIME or not is_known:
            return None
        return gone / self.done * max(0, self.total - self.done)


class Progress:
    """The steps that are under way, shown as long as the block lasts; safe for all threads."""

    def __init__(self, title: str, out: TextIO | None = None) -> None:
        self._title = title
        # Python has none where it was started with a closed one.
        self._out = out or sys.stderr or io.StringIO()
        self._is_terminal = self._out.isatty()
        self._steps: list[Step] = []
        self._started = time.monotonic()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @contextmanager
    def step(self, name: str, unit: str = '', is_even: bool = True) -> Iterator[Step]:
        """Show a step while the block lasts, and say so when it has succeeded.

        unit: what its counts count. is_even: whether they tell how much time is left.
        """
        step = Step(name, unit, is_even)
        with self._writing:
            self._steps.append(step)
        try:
            yield step
            self.say(f'  {name}: done in {clock(time.monotonic() - step.started)}')
        finally:
            with self._writing:
                self._steps.remove(step)

    def say(self, text: str) -> None:
        """Print lines that stay."""
        with self._writing:
            self._clear()
            self._write(f'{text}\n')

    def line(self) -> str:
        """Return what is shown at the moment."""
        gone = clock(time.monotonic() - self._started)
        guesses = [left for step in self._steps if (left := step.left()) is not None]
        guess = f', about {clock(max(guesses))} left' if guesses else ''
        return f'{self._title} ({gone}{guess}): {"; ".join(map(str, self._steps))}'

    def _show(self) -> None:
        while not self._ended.wait(REFRESH if self._is_terminal else SELDOM):
            with self._writing:
                self._clear()
                self._write_line()
        with self._writing:
            self._clear()

    def _write_line(self) -> None:
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(self.line()[:width])
        elif self._steps:
            self._write(f'{self.line()}\n')

    def _clear(self) -> None:
        if self._is_terminal:
            self._write('\r\x1b[K')

    def _write(self, text: str) -> None:
        with suppress(OSError):  # What nobody reads any more, or a full disk, stops no work.
            self._out.write(text)
            self._out.flush()


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds."""
    return f'{int(seconds) // 60}m{int(seconds) % 60:02d}s'
