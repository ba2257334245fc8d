"""How gunicorn serves `api:api`; it finds this file by itself when started here."""

import sys
from typing import Any

import engine
import request_log
from settings import Settings, SettingsError

try:
    settings = Settings.from_env()
except SettingsError as error:
    sys.exit(str(error))

bind = f'{settings.host}:{settings.port}'

# Slots, metrics and logs live in one process; threads wait on processes, so one is enough.
workers = 1
worker_class = 'gthread'
# A thread per running request, as many that wait for a slot, and some for health checks.
threads = settings.slots * 2 + 4

# The main loop of a gthread worker beats, not its requests: this only ends a worker that hangs.
timeout = 30
# SIGTERM lets what runs finish: a run and the destroy after it, with time to cancel each.
graceful_timeout = int(settings.run_timeout + settings.destroy_timeout + 30)

# A recycled worker would cut running updates short, and a preloaded one would fork gRPC.
max_requests = 0
preload_app = False

# The heartbeat file must not wait for a slow disk.
worker_tmp_dir = '/dev/shm'
# Nothing here uses the control socket, and it fails where HOME is read-only.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Set the engine up before the first worker starts, so that no request waits for it."""
    try:
        engine.set_up(settings.pulumi)
    except engine.EngineError as error:
        sys.exit(str(error))


def post_worker_init(worker: Any) -> None:
    """Log with request ids, in the worker that serves them."""
    request_log.configure(settings.log_level)
