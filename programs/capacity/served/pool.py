"""How gunicorn serves a pool. It runs in the pool's folder, from a copy of this file there."""

import itertools
import json
from pathlib import Path

# Read again at each reload, which has it keep the number of workers.
plan = json.loads(Path('pool.json').read_text())

bind = f'127.0.0.1:{plan["port"]}'
workers = plan['workers']
worker_class = 'sync'
# Workers are forked from what is loaded here, and need no file of it any more.
preload_app = True
# Above what an answer takes. Half of it after a master is killed, its workers end.
timeout = 6
graceful_timeout = 10
# The heartbeat must not wait for a slow disk.
worker_tmp_dir = '/dev/shm'
pidfile = 'pid'
# The address of a socket has room for 107 bytes, and the folder may have a longer one.
control_socket = '/proc/self/cwd/control'


def pre_fork(server, worker):
    """Give a worker the lowest number that none has, by which its figures are kept."""
    taken = {each.number for each in server.WORKERS.values()}
    worker.number = next(each for each in itertools.count() if each not in taken)


def post_fork(server, worker):
    """Begin to count what a worker does."""
    from service import begin

    begin(worker.number, worker.sockets)


def post_worker_init(worker):
    """Tell that a worker is ready, which gunicorn does not: it counts those that it has started."""
    _mark(worker).touch()


def child_exit(server, worker):
    """Forget what a worker was just doing; what it has done stays counted."""
    from service import forget

    _mark(worker).unlink(missing_ok=True)
    forget(worker.number)


def _mark(worker):
    return Path('ready', str(worker.number))
