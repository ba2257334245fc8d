"""Which tokens of pipelines count, and for what."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from pipelines.errors import KeysError, OidcError, RefusedError
from pipelines.exchange import Exchange
from pipelines.keys import Keys, fetched
from pipelines.trust import TrustFile
from settings import Settings, SettingsError
from tests import issuer as issuers
from tests.clock import Clock
from tests.issuer import AUDIENCE, GITHUB, GITLAB, TRUST, TRUST_OF_GITLAB, Issuer, private_key
from tests.paths import ROOT
from tests.receiver import Reply, receiving
from tests.records import Site

HUB, LAB = Issuer('https://hub.example'), Issuer('https://lab.example')
ISSUERS = f"""
[[issuer]]
name = "github"
kind = "github"
url = "{HUB.url}"

[[issuer]]
name = "gitlab"
kind = "gitlab"
url = "{LAB.url}"
"""
SET = {f'{HUB.url}/.well-known/jwks': (0,), f'{LAB.url}/oauth/discovery/keys': (0,)}


def make_keys(url: str) -> Keys:
    return Keys(url, lambda asked: issuers.public_set(*SET[asked]))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / 'oidc.toml'
    found.write_text(ISSUERS + TRUST + TRUST_OF_GITLAB)
    return found


@pytest.fixture
def exchange(site: Site, file: Path) -> Exchange:
    return Exchange(AUDIENCE, TrustFile(str(file)), lambda: site.database, make_keys)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def refused(exchange: Exchange, token: str, words: str | None = None) -> None:
    with pytest.raises(RefusedError, match=words):
        exchange.issue(token)


def test_exchange(exchange: Exchange, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A pipeline's token is exchanged for one of its trust that lasts a quarter of an hour."""
    caplog.set_level('INFO')
    token = HUB.token()
    issued = exchange.issue(token)
    assert (issued.caller.name, issued.caller.role) == ('shop-deploy', 'user')
    assert exchange.caller(issued.token) == issued.caller
    for each in ('repository=octo/shop', 'run_id=777', f'sha={GITHUB["sha"]}', 'actor=mona'):
        assert each in caplog.text
    for secret in (token, issued.token):
        assert secret not in caplog.text
    clock.go(minutes=14)
    assert exchange.caller(issued.token)
    clock.go(minutes=2)
    assert exchange.caller(issued.token) is None


def test_gitlab(exchange: Exchange) -> None:
    """GitLab's tokens are exchanged alike."""
    assert exchange.issue(LAB.token(GITLAB)).caller.name == 'shop-gitlab'


def test_once(exchange: Exchange, clock: Clock) -> None:
    """A token counts once, also when others were forgotten meanwhile."""
    token = HUB.token(exp=int(time.time()) + 80000)
    exchange.issue(token)
    refused(exchange, token, 'used before')
    clock.go(hours=20)
    exchange.issue(HUB.token())
    refused(exchange, token, 'used before')


def test_unknown(exchange: Exchange) -> None:
    """What is none of our tokens is nobody's."""
    for token in ('', 'infra_pipeline_', 'infra_pipeline_made-up', HUB.token()):
        assert exchange.caller(token) is None


def test_withdrawn(exchange: Exchange, file: Path) -> None:
    """A token ends with the trust that it was given by."""
    token = exchange.issue(HUB.token()).token
    file.write_text(ISSUERS + TRUST_OF_GITLAB)
    assert exchange.caller(token) is None


@pytest.mark.parametrize(
    'given',
    [
        *({'repository_id': '124'}, {'repository_id': 123}, {'repository_id': None}),
        *({'repository_owner_id': '457'}, {'ref': 'refs/heads/main2'}, {'ref': 'refs/tags/main'}),
        {'workflow_ref': 'octo/shop/.github/workflows/other.yml@refs/heads/main'},
        {'workflow_ref': 'octo/shop/.github/workflows/deploy.yml@refs/heads/mine'},
        *({'event_name': 'pull_request'}, {'event_name': 'pull_request_target'}),
        *({'event_name': 'issue_comment'}, {'event_name': 'workflow_run'}),
        *({'event_name': None}, {'event_name': ['push']}, {'ref': ['refs/heads/main']}),
    ],
    ids=str,
)
def test_other_pipelines(exchange: Exchange, given: dict[str, Any]) -> None:
    """Another repository, owner, workflow, branch or kind of event is not trusted."""
    refused(exchange, HUB.token(**given), 'No pipeline that is trusted here')


@pytest.mark.parametrize(
    'given',
    [
        *({'project_id': '13'}, {'namespace_id': '35'}, {'ref': 'other'}, {'ref_type': 'tag'}),
        *({'ref_protected': 'false'}, {'ref_protected': None}),
        {'pipeline_source': 'merge_request_event'},
    ],
    ids=str,
)
def test_other_pipelines_of_gitlab(exchange: Exchange, given: dict[str, Any]) -> None:
    """Another project, namespace, unprotected branch or a merge request is not trusted."""
    refused(exchange, LAB.token(GITLAB, **given), 'No pipeline that is trusted here')


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ({'aud': 'https://github.com/octo'}, f'audience of the token must be {AUDIENCE}'),
        ({'aud': [AUDIENCE]}, 'audience'),
        ({'aud': [AUDIENCE, 'https://other.example']}, 'audience'),
        ({'aud': f'{AUDIENCE}/'}, 'audience'),
        ({'aud': None}, 'audience|all of the claims'),
        ({'iss': 'https://token.actions.example'}, 'no issuer'),
        ({'iss': None}, 'no issuer'),
        ({'exp': 1}, 'has expired'),
        ({'nbf': 9999999999}, 'not valid yet'),
        ({'iat': 9999999999}, 'not valid yet'),
        ({'exp': 9999999999}, 'longer than a day'),
        ({'jti': None}, 'all of the claims'),
        ({'exp': None}, 'all of the claims'),
        ({'nbf': None}, 'all of the claims'),
        ({'jti': ''}, 'no token'),
        ({'exp': 'soon'}, 'no token'),
        ({'exp': 1e400}, None),
        ({'iat': 'now'}, 'no token'),
    ],
    ids=str,
)
def test_wrong(exchange: Exchange, given: dict[str, Any], words: str | None) -> None:
    """A token that is for others, of others, or of another time does not count."""
    refused(exchange, HUB.token(**given), words)


def test_leeway(exchange: Exchange) -> None:
    """Clocks may differ by some seconds."""
    moment = int(time.time())
    exchange.issue(HUB.token(exp=moment - 10, iat=moment - 300))
    exchange.issue(HUB.token(nbf=moment + 10, iat=moment + 10))


def signed(header: dict[str, Any], claims: dict[str, Any], key: bytes = b'') -> str:
    """Return a token that is signed by HMAC, or not at all."""

    def coded(said: bytes) -> str:
        return base64.urlsafe_b64encode(said).rstrip(b'=').decode()

    text = f'{coded(json.dumps(header).encode())}.{coded(json.dumps(claims).encode())}'
    return f'{text}.{coded(hmac.digest(key, text.encode(), sha256)) if key else ""}'


def test_forged(exchange: Exchange) -> None:
    """A token that its issuer has not signed by RS256 does not count, whatever it says."""
    claims = jwt.decode(HUB.token(), options={'verify_signature': False})
    public = issuers.public_set()['keys'][0]['n'].encode()
    good = HUB.token()
    for token in (
        signed({'alg': 'none', 'kid': 'key-0'}, claims),
        signed({'alg': 'HS256', 'kid': 'key-0'}, claims, public),
        jwt.encode(claims, private_key(1), 'RS256', {'kid': 'key-0'}),
        jwt.encode(claims, private_key(1), 'RS256', {'kid': 'key-1'}),
        jwt.encode(
            claims, private_key(1), 'RS256', {'kid': 'key-0', 'jku': 'https://evil.example'}
        ),
        jwt.encode(claims, private_key(0), 'RS512', {'kid': 'key-0'}),
        jwt.encode(claims, private_key(0), 'RS256'),
        jwt.encode(claims, private_key(0), 'PS256', {'kid': 'key-0'}),
        good[:-4] + 'AAAA',
        *('', 'a', 'a.b', 'a.b.c', '..', good + '.x', 'é.é.é', good.replace('.', '..')),
        signed({'alg': 'RS256', 'kid': 'key-0'}, claims),
        signed({'alg': 'RS256', 'kid': ['key-0']}, claims, b'x'),
    ):
        refused(exchange, token)
    exchange.issue(good)


def test_environment(exchange: Exchange, file: Path) -> None:
    """Where a trust names an environment, or events, the token must have one of these."""
    file.write_text(
        ISSUERS + TRUST + 'environment = ["prod", "test"]\nevents = ["pull_request", "push"]\n'
    )
    refused(exchange, HUB.token())
    refused(exchange, HUB.token(environment='other'))
    refused(exchange, HUB.token(environment='prod', event_name='schedule'))
    exchange.issue(HUB.token(environment='prod'))
    exchange.issue(HUB.token(environment='test', event_name='pull_request'))


def test_first(exchange: Exchange, file: Path) -> None:
    """Of several trusts that fit, the first counts; it may be for some programs alone."""
    other = TRUST.replace('shop-deploy', 'shop-other').replace(
        'role = "user"', 'role = "reader"\nprograms = ["token"]'
    )
    file.write_text(ISSUERS + other + TRUST)
    caller = exchange.issue(HUB.token()).caller
    assert (caller.name, caller.role, caller.programs) == (
        *('shop-other', 'reader'),
        frozenset({'token'}),
    )


def test_nothing(site: Site) -> None:
    """Without a file no pipeline is trusted."""
    exchange = Exchange('', TrustFile(''), lambda: site.database, make_keys)
    refused(exchange, HUB.token(), 'no issuer')


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('kind = "github"', 'kind = "hub"', 'line 4: kind must be one of'),
        ('issuer = "github"', 'issuer = "hub"', 'line 14: issuer is none of this file'),
        ('role = "user"', 'role = "root"', 'line 15: role must be one of'),
        ('repository_id = "123"', '', 'line 12: repository_id is required'),
        ('repository_id = "123"', 'repository_id = 123', 'line 16: repository_id'),
        ('ref = "refs/heads/main"', '', 'line 12: ref is required'),
        ('workflow_ref =', 'workflow =', 'line 18: workflow is not known here'),
        ('workflow_ref =', 'project_id =', 'line 18: project_id is no claim of this issuer'),
        ('https://hub.example', 'hub.example', 'line 5: url cannot be used'),
        ('https://lab.example', 'https://hub.example', 'line 10: url is that of another issuer'),
        ('[[trust]]\nname = "shop-deploy"', '[[trust]]\nname = "Shop"', 'name must match'),
    ],
)
def test_flaws(file: Path, old: str, new: str, said: str) -> None:
    """What is wrong in the file is told with its line and field."""
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(SettingsError) as caught:
        TrustFile(str(file))
    assert said in str(caught.value)


def test_workflow(file: Path) -> None:
    """A trust of GitHub's names a workflow: whoever may change a branch may add others."""
    text = '\n'.join(line for line in file.read_text().splitlines() if 'workflow_ref' not in line)
    file.write_text(text)
    with pytest.raises(SettingsError, match='workflow_ref is required, or job_workflow_ref'):
        TrustFile(str(file))


def test_audience(file: Path) -> None:
    """Without a URL of its own, the service cannot tell whether a token is for it."""
    with pytest.raises(SettingsError, match='PUBLIC_URL must be set where OIDC_FILE is'):
        Settings(oidc_file=str(file))
    assert Settings(oidc_file=str(file), public_url=AUDIENCE).needs_token


class Fetched:
    """A key set that a test changes, and how often it was asked for."""

    def __init__(self) -> None:
        self.said: Any = issuers.public_set()
        self.count = 0
        self.moment = 1000.0
        self.keys = Keys('https://hub.example/keys', self.fetch, lambda: self.moment)

    def fetch(self, url: str) -> Any:
        self.count += 1
        if self.said is None:
            raise KeysError('away')
        return self.said


def test_keys_cached() -> None:
    """Keys are kept, and had anew from time to time."""
    found = Fetched()
    for _ in range(5):
        assert found.keys.by_id('key-0')
    assert found.count == 1
    found.moment += 3601
    assert found.keys.by_id('key-0')
    assert found.count == 2


def test_keys_rotated() -> None:
    """A key that is not known is looked for, but not all the time."""
    found = Fetched()
    assert found.keys.by_id('key-0')
    found.said = issuers.public_set(0, 1)
    for _ in range(100):
        assert found.keys.by_id('key-1') is None
    assert found.count == 1
    found.moment += 61
    assert found.keys.by_id('key-1')
    assert found.keys.by_id('made-up') is None
    assert found.count == 2


def test_keys_away() -> None:
    """While keys cannot be had, those that are known count for a day; then nothing is sure."""
    found = Fetched()
    assert found.keys.by_id('key-0')
    found.said = None
    found.moment += 7200
    assert found.keys.by_id('key-0')
    assert found.keys.by_id('key-0')
    assert found.count == 2
    found.moment += 86400
    with pytest.raises(KeysError):
        found.keys.by_id('key-0')


@pytest.mark.parametrize(
    'said',
    [None, [], {}, {'keys': []}, {'keys': [{}]}, {'keys': 3}, {'keys': [{'kty': 'RSA', 'n': 1}]}],
    ids=str,
)
def test_no_keys(said: Any) -> None:
    """What is no set of keys has none."""
    found = Fetched()
    found.said = said
    with pytest.raises(OidcError):
        found.keys.by_id('key-0')


def test_fetched() -> None:
    """Keys are had by a GET that follows no redirect, and takes no more than keys are long."""
    with receiving() as receiver:
        receiver.reply = lambda call: Reply(200, body=json.dumps(issuers.public_set()).encode())
        assert fetched(f'{receiver.url}/keys') == issuers.public_set()
        for reply in (
            Reply(302, {'Location': f'{receiver.url}/other'}),
            *(Reply(500), Reply(200, body=b'no json'), Reply(200, body=b'[' * 100000)),
            Reply(200, body=b'"' + b'x' * 300000 + b'"'),
        ):
            receiver.reply = lambda call, reply=reply: reply  # type: ignore[misc]
            with pytest.raises(KeysError):
                fetched(f'{receiver.url}/keys')
        assert all(call.path == '/keys' for call in receiver.calls)
    with pytest.raises(KeysError):
        fetched(f'{receiver.url}/keys')


def test_document(tmp_path: Path) -> None:
    """The example of the document can be used, and its workflows name what there is to name."""
    text = (ROOT / 'docs' / 'pipelines.md').read_text()
    example = tmp_path / 'oidc.toml'
    example.write_text(re.findall(r'```toml\n(.*?)```', text, re.DOTALL)[0])
    trusted = TrustFile(str(example)).trusted()
    assert [each.caller.name for each in trusted.trusts] == ['shop-deploy', 'shop-gitlab']
    assert trusted.issuers[0].keys_url == f'{trusted.issuers[0].url}/.well-known/jwks'
    ours, theirs = (
        yaml.safe_load(each) for each in re.findall(r'```yaml\n(.*?)```', text, re.DOTALL)[:2]
    )
    action = yaml.safe_load((ROOT / 'deploy' / 'github' / 'action.yml').read_text())
    [step] = ours['jobs']['deploy']['steps']
    needed = {name for name, each in action['inputs'].items() if each.get('required')}
    assert needed <= step['with'].keys() <= action['inputs'].keys()
    jobs = yaml.safe_load((ROOT / 'deploy' / 'gitlab' / 'infra.yml').read_text())
    assert theirs['deploy']['extends'] in jobs
