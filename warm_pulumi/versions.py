"""The versions that fit together: this package, Pulumi's CLI and Pulumi's SDK for Python."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

# Of the engine, and so of the stock CLI beside it.
CLI = (3, 259, 0)
# Of the SDK that gives the commands.
OLDEST_SDK = (3, 140, 0)


def text(numbers: tuple[int, ...]) -> str:
    """The version as people write it."""
    return '.'.join(map(str, numbers))


def insist_on_sdk(installed: str | None) -> None:
    """Raises ImportError where the installed SDK is none that this package can work with."""
    match = re.match(r'(\d+)\.(\d+)\.(\d+)', installed or '')
    numbers = tuple(map(int, match.groups())) if match else ()
    if numbers < OLDEST_SDK or numbers[0] != CLI[0]:
        raise ImportError(
            f"warm_pulumi needs Pulumi's SDK for Python from {text(OLDEST_SDK)} on, before "
            f'{CLI[0] + 1}.0; here is {installed or "none"}. '
            f"Install one: pip install 'pulumi>={text(OLDEST_SDK)},<{CLI[0] + 1}'"
        )


def installed_sdk() -> str | None:
    """The version of the SDK in this environment; None where there is none."""
    try:
        return version('pulumi')
    except PackageNotFoundError:
        return None
