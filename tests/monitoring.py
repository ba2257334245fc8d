"""A real Prometheus and a real Alertmanager, with the examples' files, for as long as is needed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.paths import ROOT

EXAMPLES = ROOT / 'examples' / 'capacity'
TOOLS = ('prometheus', 'prometheus-alertmanager')
# Where the examples' files have the two, and other services.
PROMETHEUS, ALERTMANAGER = '127.0.0.1:9090', '127.0.0.1:9093'
START_DEADLINE = 60.0
STOP_DEADLINE = 30.0


def missing_tool() -> str | None:
    """Return the name of a tool that is needed and not here."""
    return next((tool for tool in TOOLS if not shutil.which(tool)), None)


class Prometheus:
    """A Prometheus that is asked."""

    def __init__(self, address: str) -> None:
        self._url = f'http://{address}/api/v1/query'

    def value(self, query: str) -> float | None:
        """Return the first value of a query; None where there is none."""
        answer = requests.get(self._url, params={'query': query}, timeout=30)
        found: list[Any] = answer.json()['data']['result']
        return float(found[0]['value'][1]) if found else None


@contextmanager
def monitoring(
    folder: Path, places: Mapping[str, str], token: str, ports: Sequence[int]
) -> Iterator[Prometheus]:
    """Run both.

    places: what is where, of what the examples' files name: theirs to the real address.
    token: of whoever is told of alerts.
    ports: two that are free.
    """
    ours = {
        each: f'127.0.0.1:{port}'
        for each, port in zip((PROMETHEUS, ALERTMANAGER), ports, strict=True)
    }
    _lay_out(folder, {**places, **ours})
    (folder / 'token').write_text(f'{token}\n')
    with (
        _running(folder, _alertmanager(ours[ALERTMANAGER]), ours[ALERTMANAGER]),
        _running(folder, _prometheus(ours[PROMETHEUS]), ours[PROMETHEUS]),
    ):
        yield Prometheus(ours[PROMETHEUS])


def _lay_out(folder: Path, places: Mapping[str, str]) -> None:
    for file in EXAMPLES.glob('*.yml'):
        text = file.read_text()
        for theirs, real in places.items():
            text = text.replace(theirs, real)
        (folder / file.name).write_text(text)


def _prometheus(address: str) -> list[str]:
    return [
        *('prometheus', '--config.file=prometheus.yml', '--storage.tsdb.path=prometheus-data'),
        *(f'--web.listen-address={address}', '--log.level=warn'),
    ]


def _alertmanager(address: str) -> list[str]:
    return [
        *('prometheus-alertmanager', '--config.file=alertmanager.yml'),
        *('--storage.path=alertmanager-data', f'--web.listen-address={address}'),
        *('--cluster.listen-address=', '--log.level=info'),
    ]


@contextmanager
def _running(folder: Path, command: list[str], address: str) -> Iterator[None]:
    log = folder / f'{command[0]}.log'
    with log.open('wb') as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait_until_ready(process, address, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE)
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    ends_at = time.monotonic() + START_DEADLINE
    while True:
        try:
            if requests.get(f'http://{address}/-/ready', timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends_at, log.read_text()
        time.sleep(0.05)  # it tells nobody when it is ready
