"""`/v1/programs`."""

from __future__ import annotations

from pathlib import Path

from falcon import testing

import api
from settings import Settings
from tests.problem import assert_problem


def client(programs_dir: Path) -> testing.TestClient:
    settings = Settings(allowed_hosts='falconframework.org', programs_dir=programs_dir)
    return testing.TestClient(api.create_app(settings=settings))


def test_list(tmp_path: Path) -> None:
    """The list has every program, and of one that cannot be used the reason."""
    (tmp_path / 'broken').mkdir()
    (tmp_path / 'broken' / 'Pulumi.yaml').write_text('name: broken\nruntime: go\n')
    answer = client(tmp_path).simulate_get('/v1/programs')
    assert answer.status_code == 200
    assert answer.json['next'] is None
    broken, burner = answer.json['items']
    assert (broken['name'], broken['available']) == ('broken', False)
    assert broken['reason'] == 'Pulumi.yaml: runtime must be python'
    assert (burner['name'], burner['available'], burner['reason']) == ('burner-program', True, None)
    assert burner['inputs']['properties']['request']['enum'] == ['id', 'uuid', 'string']


def test_one(tmp_path: Path) -> None:
    """One program is as the list has it; one that is not there is 404."""
    found = client(tmp_path)
    one = found.simulate_get('/v1/programs/burner-program').json
    assert [one] == found.simulate_get('/v1/programs').json['items']
    missing = found.simulate_get('/v1/programs/none')
    assert_problem(missing.status_code, missing.headers, missing.json, 404)
