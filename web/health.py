"""Whether the process lives and the service could run something, and its figures."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import falcon
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pulumi import automation as auto

import basic_pulumi
import metrics
import program_venv
from settings import Settings
from warm_pulumi import ColdPulumi, deadline
from web import draining
from workspaces import environment, opening

logger = logging.getLogger(__name__)

FRESH = 10.0
CHECK_DEADLINE = 20.0

Check = Callable[[], None]
# Returns why a part of the service does not serve; None when it does.
Obstacle = Callable[[], str | None]


class NotReadyError(Exception):
    """Something that a run needs is missing; the message says what, and names no path."""


class Health:
    """The process lives; that it answers is all there is to it."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {'status': 'ok'}

    on_head = on_get


class Readiness:
    """Whether a run could succeed; looked at every FRESH seconds at most, and by one at a time.

    Who asks meanwhile gets the last result at once, so that only one thread is ever held.
    """

    def __init__(self, check: Check, obstacle: Obstacle) -> None:
        """Take what looks at all that runs need, and what tells at once what is in the way."""
        self._check = check
        self._obstacle = obstacle
        self._checking = threading.Lock()
        self._known_until = 0.0
        self._reason: str | None = 'The first check has not ended yet.'

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        if draining.is_draining():
            raise falcon.HTTPServiceUnavailable(description='The service is shutting down.')
        self._renew()
        if reason := self._reason or self._obstacle():
            raise falcon.HTTPServiceUnavailable(description=reason, retry_after=int(FRESH))
        resp.media = {'status': 'ready'}

    on_head = on_get

    def _renew(self) -> None:
        """Look again when it is time, unless somebody does already."""
        if self._checking.acquire(blocking=False):
            try:
                if time.monotonic() >= self._known_until:
                    self._reason = self._look()
                    self._known_until = time.monotonic() + FRESH
            finally:
                self._checking.release()

    def _look(self) -> str | None:
        try:
            self._check()
        except NotReadyError as error:
            logger.warning('not ready: %s', error, exc_info=error)
            return str(error)
        return None


class Metrics:
    """The figures, in Prometheus's text format."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = CONTENT_TYPE_LATEST
        resp.data = generate_latest(metrics.REGISTRY)


def check(settings: Settings, program: Path) -> None:
    """Look at everything that a run of `program` needs, without an update.

    Raises NotReadyError.
    """
    try:
        found = opening.find_engine(settings)
    except basic_pulumi.EngineUnavailableError as error:
        raise NotReadyError('The engine is missing.') from error
    if not program_venv.is_complete(program):
        raise NotReadyError("The program's virtual environment is not ready.")
    try:
        _check_backend(settings)
        variables = environment.variables(settings, found, settings.stack, program)
    except OSError as error:
        raise NotReadyError('The state folder cannot be written.') from error
    command = opening.cold(settings, found)
    with deadline(CHECK_DEADLINE):
        _check_answers(command, variables, program)
        _check_passphrase(settings, command, variables, program)


def _check_backend(settings: Settings) -> None:
    """Write to the embedded backend; Pulumi itself asks any other (see _check_answers)."""
    if not settings.backend_url:
        environment.backend_url(settings)
        with tempfile.TemporaryFile(dir=environment.state_dir(settings) / 'backend') as probe:
            probe.write(b'ready?')


def _check_answers(command: ColdPulumi, variables: dict[str, str], program: Path) -> None:
    """Have Pulumi open the backend.

    It does not list the stacks: in a folder, a list fails when a file goes while it is made.
    """
    try:
        command.run(['whoami'], str(program), variables)
    except (auto.CommandError, OSError) as error:
        raise NotReadyError('The backend does not answer.') from error


def _check_passphrase(
    settings: Settings, command: ColdPulumi, variables: dict[str, str], program: Path
) -> None:
    """Have Pulumi read the first slot's last update, for which it needs the right passphrase.

    A run or the housekeeping may change that stack at this moment: any other failure says nothing.
    """
    name = auto.fully_qualified_stack_name(settings.org, program.name, settings.stack)
    arguments = ['stack', 'history', '--show-secrets', '--page-size', '1', '--stack', name]
    try:
        command.run(arguments, str(program), variables)
    except auto.CommandError as error:
        if 'passphrase' in str(error):
            raise NotReadyError('The passphrase is wrong.') from error
        logger.debug('the last update of %s could not be read: %s', name, error)
