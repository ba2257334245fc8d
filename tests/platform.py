"""A service with stacks that last, as a client sees it, and what is really there of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.paths import ROOT
from tests.service import Service, serving

PATIENCE = 120.0
# What no answer, log, table or command line may have in it.
TOKEN = 'planted-value-7319'
# By which the log of a run tells that the engine has heard a cancel.
HEARD = '^C received; cancelling.'


class Client:
    """Calls `/v1` of a service."""

    def __init__(self, url: str, token: str = '') -> None:
        self._url = url + '/v1'
        self._session = requests.Session()
        # One that the service closes, being idle, just as it is used again would be an error.
        self._session.headers['Connection'] = 'close'
        if token:
            self._session.headers['Authorization'] = f'Bearer {token}'

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Return an answer, whatever it is."""
        return self._session.request(method, self._url + path, timeout=90, **options)

    def get(self, path: str) -> Any:
        """Return the JSON of a good answer."""
        answer = self.call('GET', path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """Order a run and return it as it begins."""
        answer = self.call(method, path, json=body, headers=headers)
        assert answer.status_code in (200, 202), answer.text
        return dict(answer.json())

    def create(self, name: str, inputs: Any, program: str = 'files', **more: Any) -> dict[str, Any]:
        """Order a stack."""
        body = {'program': program, 'name': name, 'inputs': inputs, **more}
        return self.order('POST', '/stacks', body)

    def start(self, name: str, operation: str, **more: Any) -> dict[str, Any]:
        """Order a run of a stack."""
        return self.order('POST', f'/stacks/{name}/runs', {'operation': operation, **more})

    def destroy(self, name: str) -> dict[str, Any]:
        """Order the end of a stack."""
        return self.order('DELETE', f'/stacks/{name}?queue=true')

    def ended(self, run: dict[str, Any]) -> dict[str, Any]:
        """Wait until a run has ended; return it as it is then."""
        ends_at = time.monotonic() + PATIENCE
        while True:
            now: dict[str, Any] = self.get(f'/runs/{run["id"]}')
            if now['ended_at']:
                return now
            assert time.monotonic() < ends_at, now
            time.sleep(0.1)  # the service does not call back

    def done(self, run: dict[str, Any]) -> dict[str, Any]:
        """Wait until a run has succeeded."""
        now = self.ended(run)
        assert now['state'] == 'succeeded', (now, self.log(run))
        return now

    def log(self, run: dict[str, Any]) -> str:
        """Return the whole log of a run so far."""
        text, offset = '', 0
        while True:
            part = self.get(f'/runs/{run["id"]}/log?offset={offset}')
            if part['next'] == offset:
                return text
            text, offset = text + part['text'], part['next']

    def wait_until_up(self) -> None:
        """Wait until the platform has come up."""
        ends_at = time.monotonic() + PATIENCE
        while self.call('GET', '/stacks').status_code != 200:
            assert time.monotonic() < ends_at, 'the platform does not come up'
            time.sleep(0.05)  # it comes up beside the service


class Site:
    """A service, a client of it, and the folder in which its stacks' files are."""

    def __init__(self, service: Service, files: Path, token: str = '') -> None:
        self.service = service
        self.files = files
        self.client = Client(service.url, token)

    def existing(self, stack: str) -> set[str]:
        """Return the names of a stack's files that are really there."""
        prefix = f'stack.{stack}-'
        return {path.name.removeprefix(prefix) for path in self.files.glob(f'{prefix}*')}

    def in_state(self) -> list[Any]:
        """Return the resources and pending operations that Pulumi knows of."""
        found: list[Any] = []
        for file in (self._backend / 'stacks').rglob('*.json'):
            latest = json.loads(file.read_text())['checkpoint']['latest'] or {}
            found += latest.get('resources') or []
            found += latest.get('pending_operations') or []
        return found

    def locks(self) -> list[Path]:
        """Return Pulumi's locks."""
        return list((self._backend / 'locks').rglob('*.json'))

    @property
    def _backend(self) -> Path:
        return self.service.state / 'backend' / '.pulumi'


@contextmanager
def platform(
    folder: Path, app: str = 'api:api', token: str = '', **settings: str
) -> Iterator[Site]:
    """Serve the catalogue and the program of files, and wait until the platform is up.

    token: of whoever asks whether it is, and of the site's client.
    """
    lay_out(folder)
    files = folder / 'files'
    given = {
        'PROGRAMS_DIR': str(folder / 'programs'),
        'CHILD_ENV': 'FILES',
        'FILES': str(files),
        'STATE_DIR': str(folder / 'state'),
        **settings,
    }
    with serving(folder, app, **given) as service:
        site = Site(service, files, token)
        site.client.wait_until_up()
        yield site


def lay_out(folder: Path) -> None:
    """Make the folders of the programs and of the files, where they are not there yet."""
    (folder / 'files').mkdir(exist_ok=True)
    programs = folder / 'programs'
    if not programs.exists():
        programs.mkdir()
        for source in (*(ROOT / 'programs').iterdir(), ROOT / 'tests' / 'programs' / 'files'):
            (programs / source.name).symlink_to(source)


def inputs(*names: str, **more: Any) -> dict[str, Any]:
    """Return inputs of the program of files."""
    return {'names': list(names), 'token': TOKEN, **more}
