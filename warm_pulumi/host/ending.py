"""The end of a child, without taking apart the interpreter that it shares with the zygote.

The regular shutdown releases every module and object one by one. That takes some 20 ms, most of it
to copy memory pages of the zygote just to count references down to zero.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import re
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from types import CodeType, ModuleType, TracebackType

# What the C type of exit codes holds; others the interpreter maps by rules of its own.
_CODES = range(-(1 << 63), 1 << 63)


def quick(end: SystemExit, kept: Mapping[str, object]) -> None:
    """Ends the process as the interpreter would; returns for ends that it would have to report.

    In the interpreter's order: threads, exit handlers, standard streams, the program's own modules
    and objects, standard streams again.
    """
    code = 0 if end.code is None else end.code
    if not isinstance(code, int) or code not in _CODES:
        return
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if not _flush():
        return
    end.__traceback__ = None  # It keeps the frames of the program alive.
    _write_out()
    _release(kept)
    if _flush():
        os._exit(code & 0xFF)


def _flush() -> bool:
    """Writes out the standard streams; False where the interpreter would have to say why not."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        return False
    return True


def _write_out() -> None:
    """Writes what is left in the buffers of files that nobody closed.

    The interpreter does so with each that it releases; one that a preloaded library holds is not
    released here, and from a reference cycle the data may get lost.
    """
    for each in gc.get_objects():
        if issubclass(type(each), (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
            with suppress(OSError, ValueError):  # As the interpreter does.
                each.flush()


def _release(kept: Mapping[str, object]) -> None:
    """Lets go of the program's modules. Finalizers may use them, so only what stays is emptied."""
    names = [name for name, module in sys.modules.items() if kept.get(name) is not module]
    modules = [sys.modules.pop(name) for name in names]
    left = [weakref.ref(module) for module in modules if isinstance(module, ModuleType)]
    del modules
    gc.collect()
    for reference in reversed(left):
        module = reference()
        if module is not None:
            _empty(vars(module))
    gc.collect()


def _empty(names: dict[str, object]) -> None:
    """Sets all to None, private ones first, so that finalizers fail as they always did."""
    for name in sorted(names, key=lambda name: not re.match('_[^_]', str(name))):
        if name != '__builtins__':
            names[name] = None


def hide_host(script: CodeType) -> None:
    """Has the traceback that the interpreter prints begin with the script, as without a host."""
    show = sys.excepthook

    def from_script(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        while trace is not None and trace.tb_frame.f_code is not script:
            trace = trace.tb_next
        show(kind, error.with_traceback(trace), trace)

    sys.excepthook = from_script
