"""Planted secrets: nobody but those who need them ever sees them."""

from __future__ import annotations

from pathlib import Path

import requests

from tests import processes
from tests.faults.held import serving_held

TOKEN = 'planted-token-5f1c'
PHRASE = 'planted-phrase-9a7e'
OTHER = 'planted-in-the-environment-44d0'


def test_planted_secrets(tmp_path: Path, mode: str) -> None:
    """Token, passphrase and other secrets are in no log, answer, command line or state file."""
    given = {'API_TOKEN': TOKEN, 'PULUMI_CONFIG_PASSPHRASE': PHRASE, 'DATABASE_PASSWORD': OTHER}
    with serving_held(tmp_path, ENGINE=mode, **given) as held:
        headers = {'Authorization': f'Bearer {TOKEN}'}
        seen = [held.service.get('/uuid', headers=headers)]
        assert seen[0].status_code == 200
        with held.gate.held():
            answer = held.send(headers=headers)
            [program] = held.gate.wait_until_held()
            below = processes.descendants(held.service.process.pid)
            lines = [processes.command_line(pid) for pid in below]
            held.kill('engine')
            seen.append(answer.result(timeout=90))
        seen.append(held.service.get('/uuid', headers={'Authorization': 'Bearer wrong'}))
        for path in ('/', '/readyz', '/metrics', '/nothing'):
            seen.append(held.service.get(path, headers=headers))
        # The killed run is recovered meanwhile, and files come and go until that is over.
        held.await_rest()
        log = held.service.log()
        files = [path for path in held.service.state.rglob('*') if path.is_file()]
    assert program in below
    assert 'Traceback' in log, 'the killed engine was logged'
    for secret in (TOKEN, PHRASE, OTHER):
        assert secret not in log
        assert not [line for line in lines if secret in line]
        assert not [response for response in seen if secret in everything(response)]
        # Some are gone now that the service has ended.
        kept = [path for path in files if path.exists()]
        assert not [path for path in kept if secret.encode() in path.read_bytes()]
    assert (held.service.state.stat().st_mode & 0o077) == 0
    assert not [path for path in files if path.exists() and path.stat().st_mode & 0o077]


def everything(response: requests.Response) -> str:
    return f'{response.headers} {response.text}'
