"""A Pulumi CLI that stays warm, for the Automation API. See README.md."""

from .cold import ColdPulumi
from .deadlines import deadline, own_deadline, time_left
from .errors import (
    ClosedError,
    CommandTimeoutError,
    EngineDiedError,
    EngineStartError,
    ExecutablesError,
    WarmPulumiError,
)
from .pulumi import WarmPulumi

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
