"""The routes of `/v1` do what the OpenAPI document says, over stacks and runs that are there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.conftest import CountSent
from tests.fuzz.fake_app import STACKS
from tests.fuzz.test_openapi import run_schemathesis
from tests.service import Service, serving

# Per operation.
BOUNDED, WHOLE = 5, 300
NUMBERS = range(1, len(STACKS) + 1)
# What is there.
IDS = [f'{kind}_{number:04}' for kind in ('run', 'mig') for number in NUMBERS]
CONFIG = f"""
[dictionaries]
stacks = {{ values = {json.dumps(list(STACKS))} }}
ids = {{ values = {json.dumps(IDS)} }}
programs = {{ values = ["passwords", "burner-program"] }}

[parameters]
"path.name" = {{ dictionary = "stacks", probability = 0.8 }}
"path.id" = {{ dictionary = "ids", probability = 0.8 }}
"body.program" = {{ dictionary = "programs", probability = 0.8 }}
"""


@pytest.fixture(scope='module')
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp('rest'), app='tests.fuzz.fake_app:api') as running:
        yield running


def test_document_is_true(
    service: Service, whole: bool, seed: int, tmp_path: Path, count_sent: CountSent
) -> None:
    """Every answer to good and bad requests has a documented status, type, header and body."""
    options = ('--include-path-regex', '^/v1/', '--seed', str(seed))
    examples = WHOLE if whole else BOUNDED
    report = run_schemathesis(service, {}, examples, tmp_path, *options, config=CONFIG)
    assert report['operations']['tested'] == report['operations']['selected'] > 0
    assert not report['failures']
    assert not report['errors']
    count_sent(report['test_cases']['generated'])

    log = service.log()
    statuses = Counter(
        line.split()[-3] for line in log.splitlines() if ' web.request_log: ' in line
    )
    print(dict(statuses))
    # That what is there was met, not only what is not.
    assert {'200', '202', '400', '404', '405', '409', '412', '415', '422'} <= set(statuses)
    assert not [each for each in statuses if each.startswith('5')]
    assert 'Traceback' not in log
