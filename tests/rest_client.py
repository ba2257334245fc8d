"""The routes of `/v1` over a platform in memory, for one caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import falcon
from falcon import testing

from rest import routes
from stacks.catalogue import Catalogue
from tests.fake_platform import FakePlatform
from tests.fake_triggers import FakeTriggers
from web import problems, request_log
from web.callers import Callers
from web.identity import Caller

ANN = Caller('ann', 'operator')
PROGRAM = """
name: token
description: A random token
runtime: python
config:
  team: {type: string, secret: true}
  size: {type: integer, default: 2}
"""
INPUTS = {'team': 'planted'}
NEW = {'program': 'token', 'name': 'web', 'inputs': INPUTS}


class As:
    """Has every request come from one caller."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        req.context.caller = self._caller


class Client(testing.TestClient):
    """Sends requests, and has the platform that they end at."""

    def __init__(self, platform: FakePlatform, caller: Caller = ANN) -> None:
        middleware: list[Any] = [request_log.Middleware(Callers([])), As(caller)]
        app = falcon.App(middleware=middleware)
        problems.install(app)
        self.triggers = FakeTriggers()
        routes.mount(app, platform, self.triggers)
        super().__init__(app)
        self.platform = platform

    def create(self, name: str = 'web', **headers: str) -> testing.Result:
        return self.simulate_post('/v1/stacks', json={**NEW, 'name': name}, headers=headers)

    def begin(
        self, operation: str = 'update', name: str = 'web', **given: object
    ) -> testing.Result:
        body = {'operation': operation, **given}
        return self.simulate_post(f'/v1/stacks/{name}/runs', json=body)

    def create_whole(self, name: str = 'web') -> str:
        """Create a stack, have its first run end, and return the run's id."""
        id: str = self.create(name).json['id']
        self.platform.end(id)
        return id

    def stack(self, name: str = 'web') -> Any:
        return self.simulate_get(f'/v1/stacks/{name}').json


def make_platform(folder: Path) -> FakePlatform:
    """Return a platform with the program `token`, which has a secret."""
    (folder / 'token').mkdir(parents=True)
    (folder / 'token' / 'Pulumi.yaml').write_text(PROGRAM)
    (folder / 'token' / 'requirements.txt').touch()
    return FakePlatform(Catalogue([], [folder]))
