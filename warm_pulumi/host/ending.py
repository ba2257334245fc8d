"""The end of a child, without taking apart the interpreter that it shares with the zygote.

The regular shutdown releases every module and object one by one. That takes some 20 ms, most of it
to copy memory pages of the zygote just to count references down to zero.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading


def quick(end: SystemExit, preloaded: frozenset[str]) -> None:
    """Ends the process as the interpreter would; returns for exits that it would have to report.

    In the interpreter's order: threads, exit handlers, the program's own modules and objects (files
    that nobody closed are written out there), standard streams.
    """
    code = 0 if end.code is None else end.code
    if not isinstance(code, int):
        return
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    end.__traceback__ = None  # It keeps the frames of the program alive.
    for name in [name for name in reversed(sys.modules) if name not in preloaded]:
        vars(sys.modules.pop(name)).clear()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)
