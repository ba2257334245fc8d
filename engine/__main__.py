"""`python -m engine`: set the engine up and print where it is."""

from __future__ import annotations

import os
import sys

from engine.errors import EngineError
from engine.find import set_up
from engine.work import interrupted_by_signals


def main() -> int:
    """Find or build the engine; return the exit code."""
    interrupted_by_signals()
    try:
        engine = set_up(os.environ.get('PULUMI'))
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('Interrupted. What is downloaded and compiled is kept.', file=sys.stderr)
        return 130
    print(f'{engine.pulumi} ({engine.source})')
    return 0


if __name__ == '__main__':
    sys.exit(main())
