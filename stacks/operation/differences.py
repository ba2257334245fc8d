"""What changes in a resource: old and new properties side by side, without the secret ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# How Pulumi marks values in its events (sdk/go/common/resource/sig of pulumi).
SIGNATURE = '4dabf18193072939515e22adb298388d'
SECRET_SIGNATURE = '1b47061264138c4ac30d75fd1eb44270'
UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9'

SECRET = '[secret]'
LATER = '[known when it is made]'


@dataclass(frozen=True)
class Difference:
    """One property that changes.

    path: its place, with dots and [numbers].
    old, new: None where there is none.
    """

    path: str
    old: Any
    new: Any


def differences(old: Any, new: Any, path: str = '') -> Iterator[Difference]:
    """Yield what differs between two sets of properties, part by part; secrets as SECRET."""
    if _is_secret(old) or _is_secret(new):
        # Whether a secret changed cannot be told: events have no secret values.
        if not (_is_secret(old) and _is_secret(new)):
            yield Difference(path, _masked(old), _masked(new))
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if not str(key).startswith('__'):
                yield from differences(old.get(key), new.get(key), _below(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for number in range(max(len(old), len(new))):
            before, after = (_part(each, number) for each in (old, new))
            yield from differences(before, after, f'{path}[{number}]')
    elif old != new:
        yield Difference(path, shown(old), shown(new))


def _part(whole: list[Any], number: int) -> Any:
    return whole[number] if number < len(whole) else None


def shown(value: Any) -> Any:
    """Return a value as people may see it: secrets and what is not known yet in words."""
    if _is_secret(value):
        return SECRET
    if value == UNKNOWN:
        return LATER
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items() if not str(key).startswith('__')}
    if isinstance(value, list):
        return [shown(part) for part in value]
    return value


def _is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET_SIGNATURE


def _masked(value: Any) -> Any:
    # The other side was or will be the same secret: it is not shown either.
    return None if value is None else SECRET


def _below(path: str, key: object) -> str:
    return f'{path}.{key}' if path else str(key)
