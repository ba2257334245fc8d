"""The program host: runs Pulumi programs of one virtual environment without starting Python anew.

Started by the engine with the program's own interpreter, as ``python host EXEC_SCRIPT``. Three kinds
of process come out of this file, and the order below is what makes forking safe:

1. everything a program is bound to import is imported, with no thread and no gRPC channel;
2. the *zygote* is forked off and stays single-threaded: it forks a child for each run;
3. the parent goes on as the *server*, the LanguageRuntime that the engine talks to.

A child returns to the end of this file and executes the stock ``pulumi-language-python-exec`` there,
as ``__main__``, so that a program ends as it always does: through the interpreter's own shutdown.
"""

import os
import sys

_HERE = sys.path.pop(0)  # A program must not find the modules of this folder.
_EXEC_SCRIPT = sys.argv[1]

import argparse  # noqa: E402, F401  What the exec script and pulumi import is the baseline.
import asyncio  # noqa: E402, F401
import inspect  # noqa: E402, F401
import logging  # noqa: E402, F401
import runpy  # noqa: E402, F401
import traceback  # noqa: E402, F401

import pulumi  # noqa: E402
import pulumi.runtime  # noqa: E402, F401

_BASELINE = frozenset(sys.modules)

sys.path.insert(0, _HERE)
import packages  # noqa: E402
import server  # noqa: E402
import zygote  # noqa: E402

sys.path.pop(0)


def main() -> zygote.Job:
    """Splits into server and zygote; returns in the child that is to run a program."""
    packages.preload()
    ours, theirs = zygote.control_pair()
    if os.fork() == 0:
        ours.close()
        return zygote.serve(theirs)
    theirs.close()
    server.serve(zygote.Client(ours), _EXEC_SCRIPT)
    sys.exit(0)


with open(_EXEC_SCRIPT, 'rb') as file:
    code = compile(file.read(), _EXEC_SCRIPT, 'exec')
namespace = zygote.become(main(), _EXEC_SCRIPT, _BASELINE)
# As the last statement, so that its end, by exception or sys.exit or falling off, is the child's end.
exec(code, namespace)
