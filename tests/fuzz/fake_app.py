"""The service as it is, but over a platform in memory that has some stacks and runs."""

from __future__ import annotations

import string
from pathlib import Path

import api as real
import basic_pulumi
from settings import Settings
from stacks.catalogue import Catalogue
from stacks.requests import End, NewMigration, NewStack
from tests.fake_platform import FakePlatform
from tests.fake_triggers import FakeTriggers, add_some
from tests.rest_client import ANN

STACKS = string.ascii_lowercase

settings = Settings.from_env()
program = Path(basic_pulumi.find_local(real.PROGRAM))
platform = FakePlatform(Catalogue([program], [settings.programs_dir]))
for name in STACKS:
    run = platform.create(ANN, NewStack(program.name, name, {'request': 'uuid'}))
    if name in STACKS[::2]:
        platform.end(run.id)
for number in range(len(STACKS)):
    wish = NewMigration(End(url='sqlite:///a.db'), End(stack='a'), plan=number % 2 == 0)
    migration = platform.migrations.create(ANN, wish)
    if number % 3:
        platform.end(migration.run)
triggers = FakeTriggers()
add_some(triggers)
api = real.create_app(settings=settings, platform=platform, triggers=triggers)
