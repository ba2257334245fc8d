"""MinIO: a second object store, of other makers, that the program of sites is tried on."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from engine.builds import Recipe
from engine.compiler import Module
from engine.work import under_way
from servers.kept import Kind

SOURCES = Path(__file__).resolve().parent / 'minio'
RECIPE = Recipe(
    name='second-object-store',
    what='second object store',
    sources=SOURCES,
    modules=(Module(SOURCES, {'github.com/minio/minio': 'minio'}),),
    ldflags='-s -w',
    ways_out='',
)


class Minio(Kind):
    """How MinIO is run; a kind of servers.kept."""

    name = 'second object store'

    def __init__(self) -> None:
        self.user, self.password = 'tester', secrets.token_hex(16)
        self._executable = Path()

    def prepare(self) -> None:
        with under_way() as work:
            self._executable = RECIPE.build(work) / 'minio'

    def give_up(self) -> None:
        pass

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        address = f'127.0.0.1:{ports[0]}'
        return [str(self._executable), 'server', '--address', address, str(folder / 'data')]

    def environ(self, folder: Path) -> Mapping[str, str]:
        keys = {'MINIO_ROOT_USER': self.user, 'MINIO_ROOT_PASSWORD': self.password}
        return {'HOME': str(folder), 'MINIO_BROWSER': 'off', **keys}

    def answers(self, ports: Sequence[int]) -> bool:
        try:
            return requests.get(f'http://127.0.0.1:{ports[0]}/minio/health/live', timeout=2).ok
        except requests.RequestException:
            return False
