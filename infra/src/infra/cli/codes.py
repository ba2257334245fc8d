"""The exit codes, which scripts rely on."""

from __future__ import annotations

DONE = 0
OTHER = 1
USAGE = 2
TOKEN = 3
RUN_FAILED = 4
NOT_FOUND = 5
CONFLICT = 6
TIMED_OUT = 124
INTERRUPTED = 130
# Of `preview --detailed-exitcode`: there is something to change.
CHANGES = 2
