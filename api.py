"""The HTTP side: routes, handlers, and which error is which status."""

from __future__ import annotations

import atexit
import functools
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import falcon
from pulumi import automation as auto

import basic_pulumi
import engine
import metrics
import portal.routes
import rest.openapi
import rest.routes
from audit import audited
from basic_pulumi import ProgramFailedError
from pipelines.exchange import Exchange
from pipelines.trust import TrustFile
from portal.errors import ErrorPages
from portal.guard import Guard
from settings import Settings, SettingsError
from slots.pool import Slots
from stacks.catalogue import Catalogue
from stacks.platform import Platform
from stacks.service import Service
from triggers.notifications.destinations import Destinations
from triggers.notifications.notifier import beginning
from triggers.triggers import Triggers
from web import access, draining, health, openapi, problems, request_log
from web.callers import Callers
from web.tokens import Tokens
from workspaces import opening

PROGRAM = 'burner-program'

SpinUp = Callable[[str], auto.UpResult]


_making_slots = threading.Lock()


def default_slots() -> Slots:
    """Return the slots of this process, made on first use from the environment's settings."""
    # The first requests may come together, and the cache alone would make slots for each.
    with _making_slots:
        return _default_slots()


@functools.cache
def _default_slots() -> Slots:
    settings = Settings.from_env()
    program = Path(basic_pulumi.find_local(PROGRAM))
    open_workspace = functools.partial(opening.open_workspace, settings, program)
    slots = Slots(settings, PROGRAM, open_workspace)
    draining.when_begun(slots.drain)
    atexit.register(slots.close)
    return slots


@functools.cache
def default_service() -> Service:
    """Return the platform of this process, which start_platform has come up."""
    settings = Settings.from_env()
    service = Service(settings, catalogue(settings))
    service.accompany(functools.partial(beginning, settings, default_destinations()))
    return service


@functools.cache
def default_destinations() -> Destinations:
    """Return who is told of what by this process."""
    return Destinations(Settings.from_env().notifications_file)


@functools.cache
def default_tokens() -> Tokens:
    """Return the tokens of this process."""
    return Tokens(Settings.from_env())


@functools.cache
def default_triggers() -> Triggers:
    """Return what receives calls from elsewhere in this process."""
    return triggers_of(Settings.from_env(), default_service(), default_tokens())


def triggers_of(settings: Settings, service: Service, tokens: Tokens) -> Triggers:
    """Return what receives calls from elsewhere for a service.

    Raises SettingsError when its rules cannot be used.
    """
    return Triggers(settings, catalogue(settings), service.opened, service.bell, tokens.named)


def start_platform() -> None:
    """Have the platform come up beside the routes that need none, and end with the process."""
    service, triggers = default_service(), default_triggers()
    draining.when_begun(service.drain)
    draining.when_begun(triggers.drain)
    draining.at_last(service.close)
    service.accompany(lambda *_: triggers)
    service.start()


def catalogue(settings: Settings) -> Catalogue:
    """Return the programs that people can choose from, the tutorial's among them."""
    program = Path(basic_pulumi.find_local(PROGRAM))
    return Catalogue([program], [settings.programs_dir])


def spin_up_program(requested: str, slots: Slots | None = None) -> auto.UpResult:
    """Run the burner program through its whole life and return what its update returned.

    requested: `id`, `uuid` or `string`; anything else is answered by the program's own words.

    Raises basic_pulumi.ProvisioningError.
    """
    with (
        (slots or default_slots()).lease() as slot,
        audited(slot.name, f'run {requested}'),
        slot.deadline(),
    ):
        context = slot.context(requested)
        basic_pulumi.spin_venv(context['dirname'])
        stack = basic_pulumi.set_stack(context, slot.options)
        basic_pulumi.configure_project(stack, context)
        basic_pulumi.refresh_stack(stack)
        with slot.ephemeral(stack):
            return basic_pulumi.update_stack(stack)


class Randomizer:
    """The greeting, and three kinds of random value, each from a stack made for the request."""

    def __init__(self, spin_up: SpinUp) -> None:
        self._spin_up = spin_up

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {'response': 'hello, world'}

    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        self.on_get(req, resp)

    def on_get_id(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._answer(req, resp, 'id')

    def on_get_uuid(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._answer(req, resp, 'uuid')

    def on_get_string(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._answer(req, resp, 'string')

    def _answer(self, req: falcon.Request, resp: falcon.Response, requested: str) -> None:
        access.insist_on_role(req, 'user')
        access.insist_on_program(req, PROGRAM)
        resp.cache_control = ['no-store']
        with metrics.counted_outcome(metrics.RUNS, route=f'/{requested}'):
            result = self._spin_up(requested)
        resp.media = {'response': f'{_output(result, requested)}'}


class Description:
    """The service's OpenAPI document."""

    def __init__(self, needs_token: bool) -> None:
        self._document = describe(needs_token)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = self._document


def describe(needs_token: bool = False) -> dict[str, Any]:
    """Return the OpenAPI document of a service that was started with or without a token."""
    return openapi.document(needs_token, rest.openapi.paths(), rest.openapi.schemas())


def _output(result: auto.UpResult, name: str) -> Any:
    if name not in result.outputs:
        raise ProgramFailedError(f'the program has no output {name}')
    output = result.outputs[name]
    return '[secret]' if output.secret else output.value


def create_app(
    spin_up: SpinUp = spin_up_program,
    settings: Settings | None = None,
    check: health.Check | None = None,
    platform: Platform | None = None,
    *,
    obstacle: health.Obstacle = lambda: None,
    triggers: Triggers | None = None,
    destinations: Destinations | None = None,
) -> falcon.App[Any, Any]:
    """Return the WSGI application.

    spin_up: runs the program for a request; see spin_up_program.
    settings: who may call; from the environment when None.
    check: tells whether a run could succeed; see health.check.
    platform: serves `/v1` and the pages; one that never comes up when None.
    obstacle: tells why it does not serve; see Service.obstacle.
    triggers: receives calls from elsewhere; those of a platform that never comes up when None.
    destinations: who is told of what; of the settings' file when None.
    """
    settings = settings or Settings.from_env()
    program = Path(basic_pulumi.find_local(PROGRAM))
    logged = request_log.Middleware(Callers(settings.proxies))
    tokens = Tokens(settings)
    platform = platform or _idle(settings).platform
    triggers = triggers or triggers_of(settings, _idle(settings), tokens)
    guard = Guard(settings, tokens, platform.sessions)
    exchange = Exchange(settings.public_url, TrustFile(settings.oidc_file), platform.database)
    admission = access.Middleware(settings, tokens, exchange.caller)
    middleware: list[Any] = [logged, ErrorPages(), admission, guard]
    app = falcon.App(middleware=middleware)
    problems.install(app)
    randomizer = Randomizer(spin_up)
    app.add_route('/', randomizer)
    app.add_route('/id', randomizer, suffix='id')
    app.add_route('/uuid', randomizer, suffix='uuid')
    app.add_route('/string', randomizer, suffix='string')
    app.add_route('/healthz', health.Health())
    readiness = check or functools.partial(health.check, settings, program)
    app.add_route('/readyz', health.Readiness(readiness, obstacle))
    app.add_route('/metrics', health.Metrics())
    app.add_route('/openapi.json', Description(settings.needs_token))
    destinations = destinations or Destinations(settings.notifications_file)
    rest.routes.mount(app, platform, triggers, destinations, exchange)
    portal.routes.mount(app, platform, triggers, tokens, destinations)
    return app


def _idle(settings: Settings) -> Service:
    """Return a platform that never comes up."""
    return Service(settings, catalogue(settings))


def _default_app(settings: Settings | None = None) -> falcon.App[Any, Any]:
    service = default_service()
    return create_app(
        settings=settings,
        platform=service.platform,
        obstacle=service.obstacle,
        triggers=default_triggers(),
        destinations=default_destinations(),
    )


class Server(WSGIServer):
    """wsgiref's server, which a signal ends, also in mid-request."""

    is_stopped = False

    def stop(self, *_: object) -> None:
        """Cancel what runs and end; a handler of signals."""
        self.is_stopped = True
        raise KeyboardInterrupt

    def service_actions(self) -> None:
        """End after a request that was cancelled: wsgiref takes that for an error of its own."""
        if self.is_stopped:
            raise KeyboardInterrupt


class IPv6Server(Server):
    """The same for an address of the other kind."""

    address_family = socket.AF_INET6


class Handler(WSGIRequestHandler):
    """wsgiref's handler, which a client that says nothing does not hold for ever."""

    timeout = 10

    def handle(self) -> None:
        """Take one request, which may not come at all: browsers open connections in advance."""
        with suppress(TimeoutError):
            super().handle()


def main() -> int:
    """Set the engine up, serve until interrupted, and return the exit code."""
    os.umask(0o077)
    try:
        settings = Settings.from_env()
        app = _default_app(settings)
        engine.set_up(settings.pulumi)
    except (SettingsError, engine.EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('Interrupted before it served.', file=sys.stderr)
        return 130
    request_log.configure(settings.log_level, settings.log_format)
    start_platform()
    kind = IPv6Server if ':' in settings.host else Server
    # Falcon types the environ more narrowly than wsgiref does.
    server = make_server(settings.host, settings.port, app, kind, Handler)  # type: ignore[arg-type]
    with server as httpd:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, httpd.stop)
        print(f'Serving on port {httpd.server_port}...', flush=True)
        print(
            f'Open http://{settings.url_host}:{httpd.server_port}/portal in a browser', flush=True
        )
        with suppress(KeyboardInterrupt):
            httpd.serve_forever()
    draining.finish()
    return 0


if __name__ == '__main__':
    # Before the application of those who import it: settings that cannot be used are told by main.
    sys.exit(main())

api = application = _default_app()
