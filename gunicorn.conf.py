"""How gunicorn serves `api:api`; it finds this file by itself when started here."""

import gc
import math
import os
import sys
from typing import Any

import engine
from pipelines.trust import TrustFile
from settings import MOST_WAITING, Settings, SettingsError
from triggers.notifications.destinations import Destinations
from triggers.rules.file import RulesFile
from web import request_log
from web.tokens import Tokens

# What is imported stays as long as the process: looking for garbage in it would only cost time, at
# the start, while it serves, and a quarter of a second at the end.
gc.disable()

try:
    settings = Settings.from_env()
    # The worker would tell by a traceback what is wrong with their files.
    tokens = Tokens(settings)
    RulesFile(settings.triggers_file, lambda name: tokens.named(name) is not None)
    Destinations(settings.notifications_file)
    TrustFile(settings.oidc_file)
except SettingsError as error:
    sys.exit(str(error))

# State, passphrase and settings are for the owner alone.
os.umask(0o077)

bind = f'{settings.url_host}:{settings.port}'
# Who may say by a header that it speaks for another; nobody may say so where the routes begin.
forwarded_allow_ips = ','.join(map(str, settings.proxies))
forwarder_headers = ''
# The parser by whose rules web/connections.py tells where a head ends.
http_parser = 'python'

# Slots, metrics and logs live in one process; threads wait on processes, so one is enough.
workers = 1
# gunicorn's gthread, but a slow or silent client holds no thread.
worker_class = 'web.worker.Worker'
# A thread for each run, each request that waits for a slot or for the end of a run, and some for
# health checks.
threads = settings.slots + settings.queue_limit + MOST_WAITING + 4
# Connections beyond the threads are idle or still sending; all of them must stay well below the
# 1024 open files that a process usually may have, because a run needs some of those.
worker_connections = threads + 400

# The main loop of a gthread worker beats, not its requests: this only ends a worker that hangs.
timeout = 30
# SIGTERM lets what runs finish: a run, the destroy after it, a recovery where that failed, and some
# time to stop.
graceful_timeout = math.ceil(settings.longest_shutdown) + 10

# A recycled worker would cut running updates short, and a preloaded one would fork gRPC.
max_requests = 0
preload_app = False

# The heartbeat file must not wait for a slow disk.
worker_tmp_dir = '/dev/shm'
# Nothing here uses the control socket, and it fails where HOME is read-only.
control_socket_disable = True

# Without these, one client could hold or end the worker, or a run be cut short.
DECIDED = {'worker_class_str': worker_class, 'http_parser': http_parser, 'max_requests': 0}


def on_starting(server: Any) -> None:
    """Refuse to start where a run could be cut short, and set the engine up."""
    if server.cfg.graceful_timeout < settings.longest_shutdown:
        sys.exit(
            f'--graceful-timeout {server.cfg.graceful_timeout} is shorter than a shutdown may take '
            f'({settings.longest_shutdown:g} s): raise it, or lower RUN_TIMEOUT and '
            'DESTROY_TIMEOUT.'
        )
    for name, value in DECIDED.items():
        if getattr(server.cfg, name) != value:
            sys.exit(f'{name} must stay {value!r}, as gunicorn.conf.py says; leave the option out.')
    try:
        for address in server.cfg.address:
            if isinstance(address, tuple):  # Neither a path nor a descriptor.
                settings.insist_on_token(address[0])
        engine.set_up(settings.pulumi)
    except SettingsError as error:
        sys.exit(str(error))
    except engine.EngineError as error:
        sys.exit(str(error))


def when_ready(server: Any) -> None:
    """Tell where the pages are."""
    _collect_only_new()
    for listener in server.LISTENERS:
        if str(listener).startswith('http'):
            server.log.info('Open %s/portal in a browser', listener)


def on_reload(server: Any) -> None:
    """Go on looking for garbage: this file was read anew."""
    _collect_only_new()


def post_fork(server: Any, worker: Any) -> None:
    """Import without looking for garbage."""
    gc.disable()


def post_worker_init(worker: Any) -> None:
    """Log with request ids, and begin what goes on beside the requests, in the serving worker."""
    request_log.configure(settings.log_level, settings.log_format)
    # Only here: what it imports must not be loaded before the fork.
    from api import default_slots, start_platform

    _collect_only_new()
    start_platform()
    slots = default_slots()
    if settings.slot_start == 'eager':
        slots.open_all()
    slots.look_after()


def _collect_only_new() -> None:
    gc.freeze()
    gc.enable()
