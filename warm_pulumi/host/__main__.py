"""The zygote: runs Pulumi programs of one virtual environment without starting Python anew.

Started by the engine with the program's own interpreter, as ``python host EXEC_SCRIPT``, it imports
everything that a program is bound to import, and then forks a child for each run. It has no thread
and no gRPC channel, which is what makes forking it safe.

A child returns to the end of this file, and there executes the stock
``pulumi-language-python-exec`` as ``__main__``.
"""

import sys

import ending

_QUICK_END = ending.QuickEnd()  # Before all others that register an exit handler.
del sys.modules['ending']  # A program and its packages may have some of the same name.
_HERE = sys.path.pop(0)  # A program must not find the modules of this folder.
_EXEC_SCRIPT = sys.argv[1]

import argparse  # noqa: E402, F401  What the exec script and pulumi import is the baseline.
import asyncio  # noqa: E402, F401
import inspect  # noqa: E402, F401
import logging  # noqa: E402, F401
import runpy  # noqa: E402
import traceback  # noqa: E402, F401

import grpc._channel  # noqa: E402  Late: when the exec script opens the first channel.
import grpc._simple_stubs  # noqa: E402
import grpc.experimental  # noqa: E402, F401
import pulumi  # noqa: E402
import pulumi.runtime  # noqa: E402, F401

_BASELINE = frozenset(sys.modules)

sys.path.insert(0, _HERE)
import packages  # noqa: E402
import preloaded  # noqa: E402
import zygote  # noqa: E402

sys.path.pop(0)
for _module in (packages, preloaded, zygote):
    del sys.modules[_module.__name__]

with open(_EXEC_SCRIPT, 'rb') as file:
    code = compile(file.read(), _EXEC_SCRIPT, 'exec')
packages.preload()
_SNAPSHOT = packages.Snapshot()
_GREETING = packages.greeting()
_KEPT = dict(sys.modules)
preloaded.Preloaded(_BASELINE)

job = zygote.serve(_GREETING, _SNAPSHOT)
if job.is_provider:
    zygote.become_provider(job)
    ending.hide_host(runpy._run_module_as_main.__code__)
    runpy._run_module_as_main('pulumi.dynamic')
    sys.exit()  # It has served until it was told to end.
try:
    exec(code, vars(zygote.become(job, _EXEC_SCRIPT)))
except SystemExit as end:
    _QUICK_END.prepare(end, _KEPT)
    raise
except BaseException:
    ending.hide_host(code)
    raise
