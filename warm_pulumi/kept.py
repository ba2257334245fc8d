"""What is one with its processes: there is no second one of it."""

from __future__ import annotations

from typing import Any, NoReturn

from pulumi.automation import PulumiCommand


class Kept(PulumiCommand):
    """A ``PulumiCommand`` that copied options share, and that stays in its process."""

    def __copy__(self) -> Kept:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Kept:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f'a {type(self).__name__} has processes of its own, which no other process can share: '
            'make one in each process instead of pickling it'
        )
