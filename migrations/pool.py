"""The processes of a migration: each has an owner, a deadline and a sure end."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from migrations.errors import BY_NAME, CancelledError, LostError
from servers.tied import tied

ROOT = Path(__file__).absolute().parent.parent
# Seconds between two looks at whether the caller wants it to stop.
LOOK = 0.2
# Of silence, in which a statement may take that long; then the process is stuck.
PATIENCE = 3600.0
END_DEADLINE = 5.0

Message = tuple[int, dict[str, Any] | None]


class Pool:
    """Processes that do the steps of a migration together.

    To be used from one thread that outlives them: the kernel ends them with it.
    """

    def __init__(
        self, task: dict[str, Any], size: int, stop: Callable[[], bool], rows: Callable[[int], None]
    ) -> None:
        self._stop = stop
        self._rows = rows
        self._messages: queue.Queue[Message] = queue.Queue()
        self._processes: list[subprocess.Popen[str]] = []
        try:
            for number in range(size):
                self._start(number, task)
            self._wait('ready', set(range(size)))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def do(self, step: str, size: int | None = None) -> None:
        """Have a step done, by at most so many processes.

        Raises MigrationError: also CancelledError, and LostError when a process was killed.
        """
        chosen = list(range(len(self._processes)))[:size]
        for number in chosen:
            self._tell(number, step)
        self._wait('idle', set(chosen))

    def wait(self) -> None:
        """Let some time go by; raises CancelledError."""
        time.sleep(LOOK)
        self.insist_on_going()

    def insist_on_going(self) -> None:
        """Raise CancelledError when the caller wants it to stop."""
        if self._stop():
            raise CancelledError('It was cancelled; what is done is kept: resume it.')

    def close(self) -> None:
        """End the processes; what they have not committed is as if it had not been."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait(END_DEADLINE)
            assert process.stdin
            assert process.stdout
            # Unsent words would only tell that nobody reads them.
            process.stdin.close()

    def _start(self, number: int, task: dict[str, Any]) -> None:
        # URLs go through the pipe: others could read arguments.
        process = subprocess.Popen(
            tied([sys.executable, '-m', 'migrations.worker']),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        threading.Thread(target=self._listen, args=(number, process), daemon=True).start()
        self._tell(number, json.dumps(task))

    def _tell(self, number: int, line: str) -> None:
        pipe = self._processes[number].stdin
        assert pipe
        try:
            pipe.write(line + '\n')
            pipe.flush()
        except OSError:
            pass  # Its end comes as a message too, which says more.

    def _listen(self, number: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                self._messages.put((number, json.loads(line)))
        self._messages.put((number, None))

    def _wait(self, word: str, waited_for: set[int]) -> None:
        heard_at = time.monotonic()
        while waited_for:
            self.insist_on_going()
            try:
                number, message = self._messages.get(timeout=LOOK)
            except queue.Empty:
                if time.monotonic() - heard_at > PATIENCE:
                    raise LostError('A process says nothing any more: resume it.') from None
                continue
            heard_at = time.monotonic()
            if word in self._taken(message):
                waited_for.discard(number)

    def _taken(self, message: dict[str, Any] | None) -> dict[str, Any]:
        if message is None:
            raise LostError(
                'A process of the migration was killed; what is done is kept: resume it.'
            )
        if 'error' in message:
            raise BY_NAME[message['error']](message['message'])
        self._rows(message.get('rows', 0))
        return message
