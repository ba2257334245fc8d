"""The service as it is, but on the program that a test can hold."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import api as real
import basic_pulumi
from runs import workspaces
from runs.slots import Slots
from settings import Settings
from web import health

# A test may have the service run a copy that it can break.
PROGRAM = os.environ.get('HELD_PROGRAM', 'tests/programs/held')

settings = Settings.from_env()
folder = Path(basic_pulumi.find_local(PROGRAM))
slots = Slots(settings, PROGRAM, functools.partial(workspaces.open_workspace, settings, folder))
api = real.create_app(
    functools.partial(real.spin_up_program, slots=slots),
    settings,
    functools.partial(health.check, settings, folder),
)
