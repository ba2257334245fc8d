"""Values with texts that are too long to be shown whole, as pages and other files may be."""

from __future__ import annotations

from typing import Any

# Characters; as many as most bodies may have bytes.
LONGEST = 64 * 1024


def shortened(value: Any) -> Any:
    """Return a value that JSON knows with how long texts begin, and how long they are."""
    if isinstance(value, str) and len(value) > LONGEST:
        return f'{value[:LONGEST]} … ({len(value):,} characters)'
    if isinstance(value, dict):
        return {key: shortened(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shortened(part) for part in value]
    return value
