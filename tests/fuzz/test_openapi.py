"""The service does what its own OpenAPI document says, whatever schemathesis makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import engine
import program_venv
from tests.faults.held import await_that
from tests.fuzz.conftest import CountSent
from tests.paths import ROOT
from tests.service import Service, serving

TOKEN = 'a-token-of-the-test'
# Per operation; each run of a program is one of them.
BOUNDED, WHOLE = 3, 150
# What fits its schema may still name nothing, or be of another time: versions, cursors, offsets.
# What does not may first be refused for another reason, as an address that is too long.
CHECKS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "401", "403", "404", "409", "412", "416", "422", "5xx"]

[checks.negative_data_rejection]
expected-statuses = ["4xx", "5xx"]
"""


# With the token all is as it is without one, and there is more to be refused.
OPEN = pytest.param('', id='open', marks=pytest.mark.slow)


@pytest.fixture(scope='module', params=[OPEN, pytest.param(TOKEN, id='token')])
def service(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    built_engine: engine.Engine,
) -> Iterator[Service]:
    # The first run would make it, which takes longer than schemathesis lets an answer take.
    program_venv.ensure(ROOT / 'burner-program')
    folder = tmp_path_factory.mktemp('openapi')
    with serving(folder, ENGINE='warm', SLOTS='2', API_TOKEN=request.param) as running:
        # Who asks while it comes up is told that the service is not ready.
        await_that(lambda: running.get('/readyz').status_code == 200)
        yield running


@pytest.fixture
def headers(service: Service) -> dict[str, str]:
    token = service.settings['API_TOKEN']
    return {'Authorization': f'Bearer {token}'} if token else {}


def run_schemathesis(
    service: Service,
    headers: dict[str, str],
    examples: int,
    folder: Path,
    *options: str,
    config: str = '',
) -> dict[str, Any]:
    """Send examples of every operation and return the report of it.

    folder: for the report. config: what is in schemathesis.toml beside CHECKS.
    """
    (folder / 'schemathesis.toml').write_text(CHECKS + config)
    report = folder / 'report.json'
    done = subprocess.run(
        [
            *(sys.executable, '-m', 'schemathesis.cli', 'run', f'{service.url}/openapi.json'),
            *('--checks', 'all', '--mode', 'all', '--continue-on-failure'),
            # A DELETE that is answered by 202 has only begun.
            *('--exclude-checks', 'use_after_free'),
            *('--max-examples', str(examples)),
            *('--workers', '1', '--request-timeout', '60', '--generation-database', 'none'),
            *('--report', 'json', '--report-json-path', str(report)),
            *(f'--header={name}: {value}' for name, value in headers.items()),
            *options,
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    print(f'{done.stdout}\n{done.stderr}')
    assert done.returncode == 0
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def test_document_is_true(
    service: Service,
    headers: dict[str, str],
    *,
    whole: bool,
    seed: int,
    tmp_path: Path,
    count_sent: CountSent,
) -> None:
    """Every answer to good and bad requests has a documented status, type, header and body."""
    before = len(service.log())
    examples = WHOLE if whole else BOUNDED
    report = run_schemathesis(service, headers, examples, tmp_path, '--seed', str(seed))
    assert report['operations']['tested'] == report['operations']['total'] > 0
    phases = {name: phase['status'] for name, phase in report['phases'].items()}
    assert (phases['coverage'], phases['fuzzing']) == ('success', 'success')
    assert not report['failures']
    assert not report['errors']
    cases = report['test_cases']
    assert cases['generated'] >= report['operations']['total']
    count_sent(cases['generated'])

    log = service.log()[before:]
    statuses = Counter(
        line.split()[-3] for line in log.splitlines() if ' web.request_log: ' in line
    )
    print(dict(statuses))
    # That other methods, and with a token those without it, were among the cases.
    assert {'200', '405', *(['401'] if headers else [])} <= set(statuses)
    assert not [each for each in statuses if each.startswith('5')]
    assert 'Traceback' not in log
    assert str(ROOT) not in service.get('/openapi.json', headers=headers).text


def test_only_open_paths_need_no_token(service: Service, headers: dict[str, str]) -> None:
    """Without the token, exactly what the document calls open answers."""
    document = service.get('/openapi.json', headers=headers).json()
    for path, item in document['paths'].items():
        for method, operation in item.items():
            needed = operation.get('security', document['security'])
            status = requests.request(method, service.url + path, timeout=60).status_code
            assert (status == 401) == bool(needed), (method, path)
            assert bool(needed) <= bool(headers)
