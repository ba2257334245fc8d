"""What can go wrong between a program and the service.

InfraError
├── SettingsError       what the client was given cannot be used, such as a token for plain http
├── UnreachableError    no answer came, however often it was asked
├── CertificateError    who answers is not known to be the service
├── AnswerError         something answers that is not the service, or its answer is cut
├── WaitTimeoutError    a run has not ended in time; it goes on
└── ProblemError        the service says no, and why (RFC 9457)
    ├── InvalidError        values cannot be used
    ├── AccessError         no token, a wrong one, or one that does not reach that far
    ├── NotFoundError       there is no such program, stack or run
    ├── ConflictError       something else is in the way, or has changed
    └── UnavailableError    the service cannot answer now
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class InfraError(Exception):
    """Anything that this package raises; the message says what to do."""


class SettingsError(InfraError):
    """What the client was given cannot be used."""


class UnreachableError(InfraError):
    """No answer came."""


class CertificateError(InfraError):
    """Who answers is not known to be the service."""


class AnswerError(InfraError):
    """What answers does not speak as the service does."""


class WaitTimeoutError(InfraError):
    """A run has not ended in time; it goes on.

    run: its id.
    """

    def __init__(self, run: str, seconds: float) -> None:
        super().__init__(f'{run} has not ended within {seconds:g} s. It goes on: infra wait {run}')
        self.run = run


class ProblemError(InfraError):
    """The service says no.

    status: of HTTP. problem: the whole object, with `title` and mostly `detail`, `type`, `errors`.
    retry_after: the seconds after which the service wants to be asked again, if it says so.
    """

    def __init__(
        self, status: int, problem: Mapping[str, Any], retry_after: float | None = None
    ) -> None:
        super().__init__(str(problem.get('detail') or problem.get('title') or f'Error {status}.'))
        self.status = status
        self.problem = dict(problem)
        self.retry_after = retry_after

    @property
    def kind(self) -> str:
        """What kind of problem it is, as `preview-outdated`; empty where it has none."""
        return str(self.problem.get('type', '')).partition('#')[2]

    @property
    def run(self) -> str | None:
        """The id of the run that is in the way, if one is."""
        path = self.problem.get('run')
        return path.rpartition('/')[2] if isinstance(path, str) else None


class InvalidError(ProblemError):
    """Values cannot be used."""


class AccessError(ProblemError):
    """The token is missing, wrong, or does not reach that far."""


class NotFoundError(ProblemError):
    """There is no such program, stack or run, or it is not for this token."""


class ConflictError(ProblemError):
    """Something else is in the way, or has changed."""


class UnavailableError(ProblemError):
    """The service cannot answer now."""


OF_STATUS: dict[int, type[ProblemError]] = {
    **dict.fromkeys((400, 411, 413, 415, 422), InvalidError),
    **dict.fromkeys((401, 403), AccessError),
    404: NotFoundError,
    **dict.fromkeys((409, 412), ConflictError),
    **dict.fromkeys((429, 502, 503, 504), UnavailableError),
}
# What whoever stands between client and service may answer as well, in words of its own.
OF_PROXIES = (AccessError, UnavailableError)


def of_answer(
    status: int, problem: Mapping[str, Any] | None, retry_after: float | None
) -> InfraError:
    """Return the error that an answer stands for; problem: None where it has none of ours."""
    kind = OF_STATUS.get(status, ProblemError)
    if problem is not None:
        return kind(status, problem, retry_after)
    words = f'The service, or a proxy before it, answers with status {status} and says no more.'
    if kind in OF_PROXIES:
        return kind(status, {'title': words, 'status': status}, retry_after)
    return AnswerError(f'{words} Is the url right?')
