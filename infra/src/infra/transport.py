"""Requests to the service and its answers; sent again where that does nothing twice."""

from __future__ import annotations

import json
import platform
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from infra import address, backoff
from infra.errors import (
    AnswerError,
    CertificateError,
    InfraError,
    UnavailableError,
    UnreachableError,
    of_answer,
)
from infra.version import __version__

USER_AGENT = f'infra/{__version__} Python/{platform.python_version()}'
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
# How often a request is sent at most, and how long the pauses between are.
TRIES = 5
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0
# A service that wants to be left alone for longer is told to the caller.
LONGEST_RETRY_AFTER = 60.0
NO_CONTENT = 204
PASSING = (UnreachableError, UnavailableError)

Json = dict[str, Any]
Said = TypeVar('Said')
# Returns what an answer says; None where it is not an answer of the service.
Read = Callable[[requests.Response], Said | None]
Query = Mapping[str, str | int | None]


@dataclass(frozen=True)
class Request:
    """What is asked for.

    query: without those that are None. body: what is sent as JSON.
    is_repeatable: whether it may be sent again when no answer came.
    seconds: how long an answer may take.
    """

    method: str
    path: str
    query: Query | None = None
    body: Any = None
    media_type: str = 'application/json'
    headers: Mapping[str, str] | None = None
    is_repeatable: bool = True
    seconds: float = ANSWER_SECONDS


@dataclass(frozen=True)
class _Bearer(requests.auth.AuthBase):
    """Adds the token. As `auth`, so that none of ~/.netrc takes its place."""

    token: str

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers['Authorization'] = f'Bearer {self.token}'
        return request

    def __repr__(self) -> str:
        return 'Bearer'


class _Session(requests.Session):
    """Goes nowhere else: whoever a redirect names is not who the token is for."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # Even where none is followed, requests would prepare what to send there.
        return None


class Transport:
    """Sends requests to one service. Not for several threads at once."""

    def __init__(
        self,
        url: str,
        token: str = '',
        *,
        insecure: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the service's url and a token; insecure: it may go over plain http.

        Raises SettingsError.
        """
        self.url = address.checked_url(url)
        auth = _Bearer(address.checked_token(token))
        if token and not insecure:
            address.insist_on_privacy(self.url)
        self._pause = pause
        self._session = _Session()
        self._session.auth = auth
        self._session.headers['User-Agent'] = USER_AGENT
        self._session.headers['Accept'] = 'application/json'
        # What is on this machine is not asked for through a proxy, which would see the token.
        host = urlsplit(self.url).hostname or ''
        self._proxies = {'no_proxy': host} if address.is_loopback(self.url) else None

    def send(self, request: Request) -> Json:
        """Send a request, several times where it may be, and return the JSON of its answer.

        Raises InfraError.
        """
        return self._answered(request, _object_of)

    def lines(self, path: str) -> list[Json]:
        """Return the objects of the JSON Lines at a path.

        Raises InfraError.
        """
        return self._answered(Request('GET', path), _objects_of)

    def _answered(self, request: Request, read: Read[Said]) -> Said:
        pauses = islice(backoff.doubling(FIRST_PAUSE, LONGEST_PAUSE), TRIES - 1)
        while True:
            try:
                return self._sent(request, read)
            except PASSING as error:
                pause = next(pauses, None) if request.is_repeatable else None
                wanted = retry_after(error)
                if pause is None or wanted > LONGEST_RETRY_AFTER:
                    raise
                self._pause(max(pause, wanted))

    def get(self, path: str, query: Query | None = None) -> Json:
        """Return what is at a path.

        Raises InfraError.
        """
        return self.send(Request('GET', path, query))

    def order(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        key: str | None = None,
    ) -> Json:
        """Have something done, once, however often the request has to be sent.

        key: makes it the same order as another one with this key; None: it is one of its own.

        Raises InfraError.
        """
        same = {'Idempotency-Key': key or str(uuid.uuid4())}
        return self.send(Request(method, path, query, body, headers={**(headers or {}), **same}))

    def _sent(self, request: Request, read: Read[Said]) -> Said:
        headers = dict(request.headers or {})
        data = None
        if request.body is not None:
            data = json.dumps(request.body, allow_nan=False).encode()
            headers['Content-Type'] = request.media_type
        try:
            answer = self._session.request(
                request.method,
                self.url + request.path,
                params={k: v for k, v in (request.query or {}).items() if v is not None},
                data=data,
                headers=headers,
                timeout=(min(CONNECT_SECONDS, request.seconds), request.seconds),
                proxies=self._proxies,
            )
        except requests.exceptions.SSLError as error:
            raise self._untrusted() from error
        except requests.RequestException as error:
            raise self._unreachable(error, request.seconds) from error
        return self._content(answer, read)

    def _content(self, answer: requests.Response, read: Read[Said]) -> Said:
        if answer.is_redirect:
            raise self._elsewhere(answer.headers['Location'])
        if answer.ok:
            found = read(answer)
            if found is None:
                raise AnswerError(
                    f'{self.url} answers, but not as the service does: is the url right, or does a '
                    'proxy answer in its place?'
                )
            return found
        said = _object_of(answer)
        raise of_answer(
            answer.status_code,
            said if said and 'title' in said else None,
            backoff.seconds_of(answer.headers.get('Retry-After')),
        )

    def _elsewhere(self, location: str) -> AnswerError:
        try:
            parts = urlsplit(location)
        except ValueError:
            parts = urlsplit('')
        host = parts.netloc.rpartition('@')[2]
        where = f'{parts.scheme}://{host}' if host else 'elsewhere'
        return AnswerError(
            f'{self.url} sends on to {where}, where nothing was sent to. If the service is there, '
            'give that as its url.'
        )

    def _untrusted(self) -> CertificateError:
        return CertificateError(
            f'The certificate of {self.url} cannot be verified. If an authority of your own has '
            'signed it, REQUESTS_CA_BUNDLE names the file with its certificate.'
        )

    def _unreachable(self, error: requests.RequestException, seconds: float) -> UnreachableError:
        if isinstance(error, requests.exceptions.ProxyError):
            reason = 'the proxy that HTTP_PROXY or HTTPS_PROXY names cannot be used'
        elif isinstance(error, requests.exceptions.ConnectTimeout):
            reason = 'it cannot be connected to in time'
        elif isinstance(error, requests.Timeout):
            reason = f'there was no answer within {seconds:g} s'
        else:
            reason = _innermost(error)
        return UnreachableError(
            f'{self.url} does not answer: {reason}. Is the service up, and is the url right?'
        )


def retry_after(error: InfraError) -> float:
    """Return the seconds after which the service wants to be asked again; 0: whenever."""
    return (error.retry_after or 0.0) if isinstance(error, UnavailableError) else 0.0


def _object_of(answer: requests.Response) -> Json | None:
    """Return the object that an answer is, an empty one of no content; None where it is none."""
    return {} if answer.status_code == NO_CONTENT else _object(answer.content)


def _objects_of(answer: requests.Response) -> list[Json] | None:
    """Return the objects that an answer has a line for each; None where it has other lines."""
    found = [_object(line) for line in answer.content.splitlines()]
    return None if None in found else [each for each in found if each is not None]


def _object(content: bytes) -> Json | None:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _innermost(error: BaseException) -> str:
    """Return what the operating system says, without what libraries put around it."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror.lower()
        found = found.__cause__ or found.__context__
    return 'the connection was lost'
