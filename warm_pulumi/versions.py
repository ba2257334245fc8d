"""The versions that fit together: this package, Pulumi's CLI and Pulumi's SDK for Python."""

from __future__ import annotations

# The engine and the stock CLI beside it; the Go modules that they are built of have it, too.
CLI = (3, 259, 0)
# The SDK that a command is given by: older ones lack what this package is written against.
OLDEST_SDK = (3, 205, 0)


def text(version: tuple[int, ...]) -> str:
    """The version as people write it."""
    return '.'.join(map(str, version))
