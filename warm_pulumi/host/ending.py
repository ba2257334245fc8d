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
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import CodeType, ModuleType, TracebackType

# What the C type of exit codes holds; others the interpreter maps by rules of its own.
_CODES = range(-(1 << 63), 1 << 63)
_DISPLAY = sys.__excepthook__
# A call where the interpreter, at its end, has no code that a warning could be about. It names this
# place then; which one, depends on its version.
if sys.version_info >= (3, 13):
    _CALL = compile('step()', '<sys>', 'exec').replace(co_firstlineno=0)
else:
    _CALL = compile('step()', 'sys', 'exec')
_NOWHERE = {'__name__': 'sys'}


class QuickEnd:
    """An end as the interpreter's, less its own parts; for ends that it need not report.

    An exit handler that is registered before all others, so that the interpreter comes to it last:
    threads and exit handlers have ended in its own way. Then, in its order: standard streams, the
    program's own modules and objects, standard streams again.
    """

    def __init__(self) -> None:
        self._code: int | None = None
        self._kept: Mapping[str, object] = {}
        atexit.register(self._end)

    def prepare(self, end: SystemExit, kept: Mapping[str, object]) -> None:
        """Has the process end so, if the program's end is one that needs no report.

        kept: the modules to leave as they are.
        """
        code = 0 if end.code is None else end.code
        if isinstance(code, int) and code in _CODES:
            self._code = code & 0xFF
            self._kept = kept

    def _end(self) -> None:
        if self._code is None or not _flush():
            return
        _write_out()
        _release(self._kept)
        if _flush():
            os._exit(self._code)


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
    # The interpreter has none by now; without these it shows warnings and errors in a plainer form.
    for name in ('warnings', 'io'):
        sys.modules[name] = None  # type: ignore[assignment]
    _from_nowhere(modules.clear)
    _from_nowhere(gc.collect)
    for reference in reversed(left):
        module = reference()
        if module is not None:
            _empty(vars(module))
    _from_nowhere(gc.collect)


def _empty(names: dict[str, object]) -> None:
    """Sets all to None, private ones first, so that finalizers fail as they always did."""
    ordered = sorted(names, key=lambda name: not re.match('_[^_]', str(name)))
    emptied = dict.fromkeys(name for name in ordered if name != '__builtins__')
    _from_nowhere(partial(names.update, emptied))


def _from_nowhere(step: Callable[[], object]) -> None:
    """Does what releases objects as the interpreter does, so that their warnings name no host.

    step: is written in C, and so no place itself.
    """
    exec(_CALL, _NOWHERE, {'step': step})


def hide_host(script: CodeType) -> None:
    """Has the traceback that the interpreter prints begin with the script, as without a host."""
    show = sys.excepthook

    def from_script(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        while trace is not None and trace.tb_frame.f_code is not script:
            trace = trace.tb_next
        try:
            show(kind, error.with_traceback(trace), trace)
        except SystemExit:
            raise
        except BaseException as failure:
            _show_both(failure, error)

    sys.excepthook = from_script


def _show_both(failure: BaseException, original: BaseException) -> None:
    """Reports a hook that failed as the interpreter does, where the hook's caller is not shown."""
    trace = failure.__traceback__
    assert trace is not None
    with suppress(AttributeError, OSError, ValueError):  # As without anywhere to report to.
        sys.stderr.write('Error in sys.excepthook:\n')
        _DISPLAY(type(failure), failure.with_traceback(trace.tb_next), trace.tb_next)
        sys.stderr.write('\nOriginal exception was:\n')
        _DISPLAY(type(original), original, original.__traceback__)
