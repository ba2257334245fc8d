"""`python3 -m setup serving`, or `testing`: what `make serve` and `make test` do first."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

import engine
from engine.children import StoppedError
from engine.work import Work, interrupted_by_signals, under_way
from servers import postgresql_wheel
from servers.errors import ServerError
from servers.supply import OBJECT_STORE
from setup import packages, system
from setup.packages import PackagesError

# The programs whose venvs are made ahead, so that no request has to wait for that.
PROGRAMS = {
    'serving': ['burner-program'],
    'testing': [
        'burner-program',
        'tests/programs/held',
        'tests/programs/raising',
        'tests/programs/files',
        'tests/programs/awkward',
        'programs/authority',
        'programs/capacity',
        'programs/database',
        'programs/passwords',
        'programs/static-site',
    ],
}


def leave_own_venv() -> None:
    """Go on with the Python that the checkout's venv is made from: the venv may be replaced."""
    if Path(sys.prefix).resolve() == packages.VENV.resolve():
        python = os.path.realpath(sys.executable)  # A venv's python is a link to that one.
        os.execv(python, [python, '-m', 'setup', *sys.argv[1:]])


def main(arguments: list[str]) -> int:
    """Set up for a purpose; return the exit code."""
    if len(arguments) != 1 or arguments[0] not in PROGRAMS:
        print(f'usage: python3 -m setup {{{",".join(PROGRAMS)}}}', file=sys.stderr)
        return 2
    interrupted_by_signals()
    try:
        set_up(arguments[0])
    except (engine.EngineError, ServerError, PackagesError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            'Interrupted. What is there is kept, and the next time goes on from it.',
            file=sys.stderr,
        )
        return 130
    return 0


def set_up(purpose: str) -> None:
    """Set everything up, side by side: the engine, the packages, and then the programs' venvs.

    Raises EngineError, ServerError or PackagesError at the first part that fails; the others are
    given up.
    """
    with ThreadPoolExecutor() as pool, under_way() as work:
        parts: list[Future[object]] = [
            pool.submit(_build, purpose, work),
            pool.submit(_install, purpose, work),
        ]
        for part in as_completed(parts):
            with suppress(StoppedError):  # For a failure of the other part, which comes after it.
                part.result()


def _build(purpose: str, work: Work) -> None:
    engine.set_up(os.environ.get('PULUMI'), work=work)
    # Whoever serves gets these when the first program needs them.
    if purpose == 'testing':
        OBJECT_STORE.build(work)
        postgresql_wheel.install(work)


def _install(purpose: str, work: Work) -> None:
    packages.install(purpose, work)
    if purpose == 'testing':
        system.install(work)
    # pip computes more than it waits.
    with ThreadPoolExecutor(os.cpu_count()) as pool, work.children.stopped_by_errors():
        list(pool.map(lambda each: packages.make_venv_of(each, work), PROGRAMS[purpose]))


if __name__ == '__main__':
    leave_own_venv()
    sys.exit(main(sys.argv[1:]))
