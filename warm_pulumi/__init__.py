"""A Pulumi CLI that stays warm, for the Automation API. See README.md."""

from .deadlines import deadline
from .errors import (
    ClosedError,
    CommandTimeoutError,
    EngineDiedError,
    EngineStartError,
    WarmPulumiError,
)
from .pulumi import WarmPulumi

__all__ = [
    'ClosedError',
    'CommandTimeoutError',
    'EngineDiedError',
    'EngineStartError',
    'WarmPulumi',
    'WarmPulumiError',
    'deadline',
]
