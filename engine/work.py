"""What a set-up has under way: the steps that it shows, and the processes that end with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.children import Children
from engine.progress import Progress


@dataclass(frozen=True)
class Work:
    """What all parts of one set-up share."""

    progress: Progress
    children: Children


@contextmanager
def under_way() -> Iterator[Work]:
    """Show what is done in the block; at its end, whatever still runs is killed."""
    with Progress('Setting up') as progress, Children() as children:
        yield Work(progress, children)
