"""What the platform can do for its callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacks.catalogue import Catalogue
from stacks.records import Caller, LogPart, Page, Run, Stack
from stacks.requests import NewRun, NewStack, RunFilter, StackFilter


class Platform:
    """Every method may raise UnavailableError, and ForbiddenError where the caller may not."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def create(self, caller: Caller, request: NewStack) -> Run:
        raise NotImplementedError

    def stacks(
        self, caller: Caller, where: StackFilter, limit: int, cursor: str | None
    ) -> Page[Stack]:
        raise NotImplementedError

    def stack(self, caller: Caller, name: str) -> Stack:
        raise NotImplementedError

    def change(
        self, caller: Caller, name: str, changes: Mapping[str, Any], version: int | None
    ) -> Stack:
        raise NotImplementedError

    def forget(self, caller: Caller, name: str, version: int | None) -> None:
        raise NotImplementedError

    def start(self, caller: Caller, name: str, request: NewRun) -> Run:
        raise NotImplementedError

    def runs(self, caller: Caller, where: RunFilter, limit: int, cursor: str | None) -> Page[Run]:
        raise NotImplementedError

    def run(self, caller: Caller, run_id: str) -> Run:
        raise NotImplementedError

    def cancel(self, caller: Caller, run_id: str) -> Run:
        raise NotImplementedError

    def log(self, caller: Caller, run_id: str, offset: int, limit: int) -> LogPart:
        raise NotImplementedError

    def wait(self, caller: Caller, run_id: str, seconds: float) -> Run:
        raise NotImplementedError
