"""A Pulumi CLI that stays warm, for the Automation API. See README.md."""

from . import versions

# What follows would say it in words that help nobody.
versions.insist_on_sdk(versions.installed_sdk())

from .cold import ColdPulumi  # noqa: E402
from .deadlines import deadline, own_deadline, time_left  # noqa: E402
from .errors import (  # noqa: E402
    ClosedError,
    CommandTimeoutError,
    EngineDiedError,
    EngineStartError,
    ExecutablesError,
    WarmPulumiError,
)
from .pulumi import WarmPulumi  # noqa: E402

__all__ = [
    'ClosedError',
    'ColdPulumi',
    'CommandTimeoutError',
    'EngineDiedError',
    'EngineStartError',
    'ExecutablesError',
    'WarmPulumi',
    'WarmPulumiError',
    'deadline',
    'own_deadline',
    'time_left',
]
