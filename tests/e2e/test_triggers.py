"""Alerts that change stacks, from the call to what is really there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import processes
from tests.doers import await_that
from tests.paths import ROOT
from tests.platform import Client, Site, platform
from tests.triggers import TOKEN, WHSEC, alert

RULES = """
[source.am]
kind = "alertmanager"
secret_env = "AM_TOKEN"

[[rule]]
id = "spike"
source = "am"
run_as = "local"
match = { alertname = "Spike" }
program = "passwords"
stack = "pool-${labels.app}"
inputs = { accounts = ["ann"] }
scale = { input = "length", step = 4, min = 12, max = 24 }
on_resolved = "restore"
resolve_delay = "1s"
dry_run = false
"""

TOML = re.compile(r'^```toml\n(.*?)^```$', re.MULTILINE | re.DOTALL)
BASH = re.compile(r'^```bash\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service with a rule for alerts."""
    with triggered(tmp_path_factory.mktemp('triggers')) as site:
        yield site


def triggered(folder: Path, **settings: str) -> Any:
    """Serve with RULES."""
    (folder / 'rules.toml').write_text(RULES)
    given = {'TRIGGERS_FILE': str(folder / 'rules.toml'), 'AM_TOKEN': TOKEN, **settings}
    return platform(folder, **given)


def call(site: Site, body: Any, token: str = TOKEN) -> requests.Response:
    """Call as Alertmanager does."""
    return requests.post(
        f'{site.service.url}/v1/hooks/am',
        data=json.dumps(body),
        headers={'Authorization': f'Bearer {token}', 'Content-Type': 'application/json'},
        timeout=60,
    )


def decided(client: Client, outcome: str, rule: Callable[[Any], bool] = bool) -> dict[str, Any]:
    """Wait until something was decided; return the last such event."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        items = client.get(f'/triggers/events?outcome={outcome}')['items']
        found[:] = [each for each in items if rule(each)]
        return bool(found)

    await_that(is_there)
    return found[0]


def moved_to(number: int, stack: str) -> Callable[[Any], bool]:
    """Return what tells the event by which a stack's number becomes this."""
    return lambda each: each['stack'] == stack and (each['target'] or {}).get('to') == number


def length(client: Client, stack: str) -> Any:
    return client.get(f'/stacks/{stack}')['inputs']['length']


def test_alert_up_and_back(site: Site) -> None:
    """An alert has a stack changed, once, however often it is told; its end brings that back."""
    client = site.client
    made = client.create('pool-shop', {'accounts': ['ann'], 'length': 13}, 'passwords')
    client.done(made)
    answer = call(site, alert(app='shop'))
    assert answer.status_code == 202
    [event] = answer.json()['events']
    assert (event['rule'], event['outcome']) == ('spike', 'received')
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: call(site, alert(app='shop')).status_code, range(20)))
    assert set(answers) == {202}
    up = decided(client, 'started', moved_to(17, 'pool-shop'))
    run = client.done({'id': up['run']})
    assert (run['caller'], run['reason']) == ('local', 'rule spike')
    assert length(client, 'pool-shop') == 17
    await_that(lambda: not client.get('/triggers/events?outcome=received')['items'])
    told = client.get('/triggers/events?stack=pool-shop')['items']
    assert sorted(each['outcome'] for each in told) == ['renewed'] * 20 + ['started']
    call(site, alert('resolved', app='shop'))
    back = decided(client, 'started', moved_to(13, 'pool-shop'))
    client.done({'id': back['run']})
    assert length(client, 'pool-shop') == 13
    assert 'trigger spike: Spike firing' in site.service.log()


def test_refused(site: Site) -> None:
    """What has another token is refused, and what no rule is for begins nothing."""
    assert call(site, alert(), 'wrong').status_code == 401
    assert call(site, alert(alertname='Other')).status_code == 200
    assert call(site, {'version': '3'}).status_code == 422
    large = {**alert(), 'padding': 'x' * 300_000}
    assert call(site, large).status_code == 413
    assert TOKEN not in site.service.log()
    assert TOKEN not in json.dumps(site.client.get('/triggers/events'))


def test_rules_read_anew(site: Site) -> None:
    """A file that changes is in force with the next call; a broken one is told, and is not."""
    file = Path(site.service.settings['TRIGGERS_FILE'])
    file.write_text('[[rule]]\nid = "x"\n')
    assert call(site, alert(app='anew')).status_code == 202
    assert 'line 1: rule.x.match is required' in site.service.log()
    decided(site.client, 'started', lambda each: each['stack'] == 'pool-anew')
    file.write_text(RULES.replace('Spike', 'Peak'))
    assert call(site, alert(app='anew')).json()['events'][0]['outcome'] == 'unmatched'
    file.write_text(RULES)


def test_test(site: Site) -> None:
    """A recorded call is tried on the real stacks, and leaves no trace."""
    before = site.client.get('/triggers/events')['items']
    body = {'source': 'am', 'body': json.dumps(alert(app='tried'))}
    answer = site.client.call('POST', '/triggers/test', json=body)
    [found] = answer.json()['items']
    assert (found['outcome'], found['stack'], found['run']) == ('started', 'pool-tried', None)
    assert site.client.call('GET', '/stacks/pool-tried').status_code == 404
    assert site.client.get('/triggers/events')['items'] == before


def test_killed_in_mid_call(tmp_path: Path) -> None:
    """A receiver that is killed while calls come has done each once, when its sender is done."""
    with triggered(tmp_path) as site, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call, site, alert(app='kill')) for _ in range(16)]
        calls[0].exception(timeout=30)
        processes.kill_tree(site.service.process.pid)
        stored = [each.result() for each in calls if each.exception(timeout=30) is None]
    with triggered(tmp_path) as site:
        # Alertmanager sends again what had no answer.
        assert call(site, alert(app='kill')).status_code == 202
        first = decided(site.client, 'started', moved_to(12, 'pool-kill'))
        site.client.done({'id': first['run']})
        client = site.client
        await_that(lambda: not client.get('/triggers/events?outcome=received')['items'])
        items = client.get('/triggers/events?stack=pool-kill')['items']
        assert [each['outcome'] for each in items].count('started') == 1
        known = {each['id'] for each in items}
        accepted = [each.json()['events'] for each in stored if each.status_code == 202]
        assert {event['id'] for events in accepted for event in events} <= known
        assert length(client, 'pool-kill') == 12


def test_documented(tmp_path: Path) -> None:
    """The rules and the lines of docs/triggers.md can be used as they stand."""
    document = (ROOT / 'docs' / 'triggers.md').read_text()
    secrets = dict.fromkeys(re.findall('secret_env = "(.*)"', document), TOKEN)
    secrets['DEPLOYS_SECRET'] = WHSEC
    (tmp_path / 'alertmanager.token').write_text(TOKEN)
    blocks = [
        each.replace('/etc/infra/', f'{tmp_path}/')
        for each in TOML.findall(document)
        # Shown twice: with the rule that is for it, and where its sender is.
        if not each.startswith('[source.alertmanager]') or '[[rule]]' in each
    ]
    (tmp_path / 'rules.toml').write_text('\n'.join(blocks))
    body = alert(alertname='TrafficSpike', app='shop')
    (tmp_path / 'alert.json').write_text(json.dumps(body))
    settings = {'TRIGGERS_FILE': str(tmp_path / 'rules.toml'), **secrets}
    with platform(tmp_path, **settings) as site:
        script = '\n'.join(BASH.findall(document)).replace('localhost:8000', site.service.url)
        path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
        done = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', script],
            cwd=tmp_path,
            env={**os.environ, 'PATH': path, 'INFRA_URL': site.service.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert 'rules.toml can be used' in done.stderr
        assert 'length 0 → 12 (at most 24)' in done.stdout
        site.client.done({'id': decided(site.client, 'started')['run']})
