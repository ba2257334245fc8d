"""Stacks of the service from Python: `infra.Client`; from a shell: `infra`."""

from infra.client import Client
from infra.errors import (
    AccessError,
    AnswerError,
    CertificateError,
    ConflictError,
    InfraError,
    InvalidError,
    NotFoundError,
    ProblemError,
    SettingsError,
    UnavailableError,
    UnreachableError,
    WaitTimeoutError,
)
from infra.records import (
    Difference,
    Drift,
    LogPart,
    Migration,
    MoveProgress,
    Program,
    Resource,
    Run,
    RunError,
    Stack,
    StackResource,
)
from infra.version import __version__

__all__ = [
    'AccessError',
    'AnswerError',
    'CertificateError',
    'Client',
    'ConflictError',
    'Difference',
    'Drift',
    'InfraError',
    'InvalidError',
    'LogPart',
    'Migration',
    'MoveProgress',
    'NotFoundError',
    'ProblemError',
    'Program',
    'Resource',
    'Run',
    'RunError',
    'SettingsError',
    'Stack',
    'StackResource',
    'UnavailableError',
    'UnreachableError',
    'WaitTimeoutError',
    '__version__',
]
