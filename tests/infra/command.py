"""The command line, called within this process."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from infra.cli.root import run
from infra.waiting import Surroundings


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Calls `infra`."""

    def __init__(
        self,
        around: Surroundings,
        capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self._around = around
        self._capfd = capfd
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str, stdin: bytes = b'') -> Done:
        """Return how it ended, in a pipe."""
        self._monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(stdin)))
        self._capfd.readouterr()
        code = run(arguments, self._around)
        return Done(code, *self._capfd.readouterr())

    def at_terminal(self, *arguments: str, typed: str = '') -> Done:
        """Return how it ended, where somebody types answers."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr('infra.cli.context.Context.is_terminal', True)
            return self(*arguments, stdin=typed.encode())
