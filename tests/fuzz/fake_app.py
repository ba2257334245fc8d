"""The service as it is, but over a platform in memory."""

from __future__ import annotations

from pathlib import Path

import api as real
import basic_pulumi
from settings import Settings
from stacks.catalogue import Catalogue
from tests.fake_platform import FakePlatform

settings = Settings.from_env()
program = Path(basic_pulumi.find_local(real.PROGRAM))
catalogue = Catalogue([program], [settings.programs_dir])
api = real.create_app(settings=settings, platform=FakePlatform(catalogue))
