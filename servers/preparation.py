"""Work that makes a server ready, and that another thread may have end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from engine import EngineError
from engine.children import Children, StoppedError
from engine.progress import Progress
from engine.work import Work
from servers.errors import ServerError

Result = TypeVar('Result')


class Preparation:
    """Does such work in whatever thread asks for it."""

    def __init__(self, what: str) -> None:
        """Do nothing yet. what: messages call what is made ready."""
        self._what = what
        self._is_given_up = False
        self._children: Children | None = None
        self._changing = threading.Lock()

    def do(self, job: Callable[[Work], Result]) -> Result:
        """Return what the job returns.

        Raises ServerError where it cannot be done, or is given up.
        """
        with Progress(f'Setting up the {self._what}') as progress, Children() as children:
            with self._changing:
                self._children = children
                if self._is_given_up:
                    children.stop()
            try:
                return job(Work(progress, children))
            except StoppedError:
                raise ServerError('The service is shutting down.') from None
            except EngineError as error:
                raise ServerError(str(error)) from error

    def give_up(self) -> None:
        """Have it end, now and whenever it is begun."""
        with self._changing:
            self._is_given_up = True
            if self._children is not None:
                self._children.stop()
