"""Whom the log names: the caller behind trusted proxies, and never what somebody made up."""

from __future__ import annotations

import logging

import pytest
from falcon import testing

import api
from settings import Settings

PROXIES = '10.0.0.0/8, 127.0.0.1, 2001:db8:1::/48'


def named(
    caplog: pytest.LogCaptureFixture,
    peer: str,
    forwarded: str | None = None,
    path: str = '/healthz',
    proxies: str = PROXIES,
) -> str:
    """Return the line that a request leaves in the log."""
    app = api.create_app(settings=Settings(trusted_proxies=proxies), check=lambda: None)
    headers = {'X-Forwarded-For': forwarded} if forwarded is not None else {}
    with caplog.at_level(logging.INFO, logger='web.request_log'):
        testing.TestClient(app).simulate_get(path, headers=headers, remote_addr=peer)
    [line] = [each.getMessage() for each in caplog.records if each.name == 'web.request_log']
    return line


@pytest.mark.parametrize(
    ('peer', 'forwarded', 'caller'),
    [
        ('192.0.2.1', None, '192.0.2.1'),
        ('192.0.2.1', '203.0.113.9', '192.0.2.1'),
        ('10.0.0.1', None, '10.0.0.1'),
        ('10.0.0.1', '', '10.0.0.1'),
        ('10.0.0.1', '203.0.113.9', '203.0.113.9'),
        ('127.0.0.1', '2001:db8:9::1', '2001:db8:9::1'),
        ('2001:db8:1::5', '203.0.113.9', '203.0.113.9'),
        ('::ffff:10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'),
        ('10.0.0.1', '198.51.100.1, 203.0.113.9', '203.0.113.9'),
        ('10.0.0.1', '198.51.100.1, 203.0.113.9, 10.1.1.1,10.2.2.2', '203.0.113.9'),
        ('10.0.0.1', '10.3.3.3, 10.2.2.2', '10.3.3.3'),
        ('10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'),
        ('10.0.0.1', 'unknown, 203.0.113.9', '203.0.113.9'),
        ('10.0.0.1', 'forged, 10.2.2.2', '10.2.2.2'),
    ],
)
def test_caller(
    caplog: pytest.LogCaptureFixture, peer: str, forwarded: str | None, caller: str
) -> None:
    """The caller is the last address on the way that is no trusted proxy's, as far as told."""
    assert named(caplog, peer, forwarded).split()[:2] == [caller, 'GET']


def test_nobody_is_trusted_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """Where no proxy is named, nobody can speak for another."""
    line = named(caplog, '127.0.0.1', '203.0.113.9', proxies=Settings().trusted_proxies)
    assert line.split()[0] == '127.0.0.1'


@pytest.mark.parametrize(
    'forwarded',
    [
        *('203.0.113.9 GET /uuid 200', '203.0.113.9:80', '[2001:db8::1]', '::1%eth0', '0x7f.1'),
        *('fe80::1% GET /uuid 200', 'fe80::1%\tresult=succeeded', '\x85', 'a' * 5000, '-', ','),
    ],
)
def test_garbage(caplog: pytest.LogCaptureFixture, forwarded: str) -> None:
    """What is no address in the header does not get into the log."""
    assert named(caplog, '10.0.0.1', forwarded).startswith('10.0.0.1 GET /healthz 200 ')


@pytest.mark.parametrize('end', ['%0a', '%0d%0a', '%C2%85', '%E2%80%A8', '%1b'])
def test_path_stays_in_its_line(caplog: pytest.LogCaptureFixture, end: str) -> None:
    """A path with the end of a line in it is logged as it came, and begins no line of its own."""
    line = named(caplog, '192.0.2.1', path=f'/a{end}forged')
    assert line.startswith(f'192.0.2.1 GET /a{end.upper()}forged 4')
