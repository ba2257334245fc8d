"""How Pulumi marks values in its events that JSON has no words for, and our words for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# What a marked value has as a member, and who it is (sdk/go/common/resource/sig of pulumi; that of
# numbers is in pkg/resource/stack/deployment.go).
SIGNATURE = '4dabf18193072939515e22adb298388d'
SECRET_SIGNATURE = '1b47061264138c4ac30d75fd1eb44270'
NUMBER_SIGNATURE = '8ad145fe-0d11-4827-bfd7-1abcbf086f5c'
ASSET_SIGNATURE = 'c44067f5952c0a294b673a41bacd8c17'
ARCHIVE_SIGNATURE = '0def7320c3a5731c473e5ecbe6d01bc7'
RESOURCE_SIGNATURE = '5cf8f73096256a8f31e491e813e4eb8e'
BYTES_SIGNATURE = '803fd3297a5875dc03ca845dda5d2a98'
UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9'

SECRET = '[secret]'
LATER = '[known when it is made]'
NOT_A_NUMBER = '[not a number]'
# By the number's bits, in hexadecimal.
INFINITIES = {'7ff0000000000000': '[infinity]', 'fff0000000000000': '[minus infinity]'}
OTHER = '[cannot be shown]'
# Of a hash: as much as tells one content from another.
SHORT = 8


def is_secret(value: Any) -> bool:
    """Tell whether a value is marked as secret."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET_SIGNATURE


def is_marked(value: Any) -> bool:
    """Tell whether a value is something else than the members that it has."""
    return isinstance(value, Mapping) and SIGNATURE in value


def contains(value: Any, is_one: Callable[[Any], bool]) -> bool:
    """Tell whether a value, or anything in it, is one of those."""
    if is_one(value):
        return True
    parts = value.values() if isinstance(value, dict) else value
    return isinstance(value, dict | list) and any(contains(part, is_one) for part in parts)


def in_words(marked: Mapping[str, Any]) -> str:
    """Return what people see of a marked value."""
    word = WORDS.get(str(marked[SIGNATURE]))
    return word(marked) if word else OTHER


def name_of(urn: str) -> str:
    """Return the name in a urn, its last part."""
    return urn.rpartition('::')[2]


def _number(marked: Mapping[str, Any]) -> str:
    return INFINITIES.get(str(marked.get('value')), NOT_A_NUMBER)


def _content(kind: str, marked: Mapping[str, Any]) -> str:
    return f'[{kind} {str(marked.get("hash") or "")[:SHORT]}'.rstrip() + ']'


WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    SECRET_SIGNATURE: lambda _: SECRET,
    NUMBER_SIGNATURE: _number,
    ASSET_SIGNATURE: lambda marked: _content('file', marked),
    ARCHIVE_SIGNATURE: lambda marked: _content('archive', marked),
    RESOURCE_SIGNATURE: lambda marked: f'[resource {name_of(str(marked.get("urn")))}]',
    BYTES_SIGNATURE: lambda _: '[bytes that are no text]',
}
