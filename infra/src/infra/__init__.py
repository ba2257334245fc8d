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
from infra.records import Difference, Drift, LogPart, Part, Program, Resource, Run, RunError, Stack
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
    'NotFoundError',
    'Part',
    'ProblemError',
    'Program',
    'Resource',
    'Run',
    'RunError',
    'SettingsError',
    'Stack',
    'UnavailableError',
    'UnreachableError',
    'WaitTimeoutError',
    '__version__',
]
