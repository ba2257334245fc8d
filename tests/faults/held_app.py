"""The service as it is, but on the program that a test can hold."""

from __future__ import annotations

import os

import api as real

# A test may have the service run a copy that it can break.
real.PROGRAM = os.environ.get('HELD_PROGRAM', 'tests/programs/held')
api = real.create_app()
