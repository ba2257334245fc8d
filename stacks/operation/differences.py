"""What changes in a resource: old and new properties side by side, without the secret ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stacks.operation.marks import LATER, SECRET, UNKNOWN, in_words, is_marked, is_secret
from stacks.shortening import shortened


@dataclass(frozen=True)
class Difference:
    """One property that changes.

    path: its place, with dots and [numbers].
    old, new: None where there is none.
    replaces: whether it is why the resource is replaced.
    """

    path: str
    old: Any
    new: Any
    replaces: bool = False


def differences(old: Any, new: Any, path: str = '') -> Iterator[Difference]:
    """Yield what differs between two sets of properties, part by part; secrets as SECRET."""
    if is_secret(old) or is_secret(new):
        # Whether a secret changed cannot be told: events have no secret values.
        if not (is_secret(old) and is_secret(new)):
            yield Difference(path, _masked(old), _masked(new))
    elif _is_object(old) and _is_object(new):
        for key in [*old, *(key for key in new if key not in old)]:
            if not str(key).startswith('__'):
                yield from differences(old.get(key), new.get(key), _below(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for number in range(max(len(old), len(new))):
            before, after = (_part(each, number) for each in (old, new))
            yield from differences(before, after, f'{path}[{number}]')
    elif old != new:
        yield Difference(path, shortened(shown(old)), shortened(shown(new)))


def _part(whole: list[Any], number: int) -> Any:
    return whole[number] if number < len(whole) else None


def shown(value: Any) -> Any:
    """Return a value as people may see it: secrets and what JSON has no value for in words."""
    if is_marked(value):
        return in_words(value)
    if value == UNKNOWN:
        return LATER
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items() if not str(key).startswith('__')}
    if isinstance(value, list):
        return [shown(part) for part in value]
    return value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_marked(value)


def _masked(value: Any) -> Any:
    # The other side was or will be the same secret: it is not shown either.
    return None if value is None else SECRET


def _below(path: str, key: object) -> str:
    return f'{path}.{key}' if path else str(key)
