"""The JSON in a request's body: what is read, and what is refused in which words."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import falcon
import pytest
from falcon import testing

from web import bodies

JSON = 'application/json'
PATCH = 'application/merge-patch+json'


def request(body: bytes, content_type: str = JSON) -> falcon.Request:
    return testing.create_req(
        method='POST', path='/v1/a', body=body, headers={'Content-Type': content_type}
    )


def read(body: bytes, content_type: str = JSON, media_types: Sequence[str] = (JSON,)) -> Any:
    return bodies.read_json(request(body, content_type), media_types)


def nested(levels: int) -> bytes:
    """Return an object with so many levels, of which the first is itself."""
    return b'{"a": ' + b'[' * (levels - 1) + b']' * (levels - 1) + b'}'


@pytest.mark.parametrize(
    ('body', 'value'),
    [
        (b'{}', {}),
        (b' {"a": [1, -2.5, 1e3, true, null]}\r\n', {'a': [1, -2.5, 1000.0, True, None]}),
        ('{"ä": "\\u00e4 \\ud83d\\ude00 😀"}'.encode(), {'ä': 'ä 😀 😀'}),
        (b'{"a": {"a": 1}, "b": {"a": 1}}', {'a': {'a': 1}, 'b': {'a': 1}}),
        (b'{"a": ' + b'9' * bodies.MAX_DIGITS + b'}', {'a': 10**bodies.MAX_DIGITS - 1}),
    ],
    ids=['empty', 'values', 'unicode', 'same name elsewhere', 'many digits'],
)
def test_object(body: bytes, value: object) -> None:
    """A JSON object in UTF-8 is read as what it says."""
    assert read(body) == value


def test_as_deep_as_may_be() -> None:
    """An object may have as many levels as the limit says."""
    assert read(nested(bodies.MAX_DEPTH))


@pytest.mark.parametrize('given', [JSON, 'Application/JSON', 'application/json; charset=utf-8'])
def test_media_type(given: str) -> None:
    """The media type counts without its parameters and in any case."""
    assert read(b'{"a": 1}', given) == {'a': 1}


@pytest.mark.parametrize(
    'given', ['', 'text/plain', PATCH, 'application/jsonl', ';', 'a, application/json']
)
def test_other_media_type(given: str) -> None:
    """A body that is called something else, or nothing, is refused, and the right name is told."""
    with pytest.raises(falcon.HTTPUnsupportedMediaType) as refused:
        read(b'{}', given)
    assert refused.value.description == 'The Content-Type must be application/json.'


def test_several_media_types() -> None:
    """A route may take more than one media type, and no other."""
    assert read(b'{}', PATCH, [JSON, PATCH]) == {}
    with pytest.raises(falcon.HTTPUnsupportedMediaType) as refused:
        read(b'{}', 'text/plain', [JSON, PATCH])
    assert refused.value.description == f'The Content-Type must be {JSON} or {PATCH}.'


REFUSED = {
    'nothing': (b'', 'not valid JSON'),
    'no JSON': (b'size=3', 'not valid JSON'),
    'half of it': (b'{"a": ', 'not valid JSON'),
    'something behind it': (b'{}{}', 'not valid JSON'),
    'comma at the end': (b'{"a": 1,}', 'not valid JSON'),
    'single quotes': (b"{'a': 1}", 'not valid JSON'),
    'control character': (b'{"a": "\n"}', 'not valid JSON'),
    'byte order mark': (b'\xef\xbb\xbf{}', 'not valid JSON'),
    'array': (b'[]', 'must be a JSON object'),
    'string': (b'"a"', 'must be a JSON object'),
    'null': (b'null', 'must be a JSON object'),
    'same name twice': (b'{"a": 1, "a": 1}', "the member 'a' twice"),
    'same name twice inside': (b'{"b": [{"a": 1, "\\u0061": 2}]}', "the member 'a' twice"),
    'NaN': (b'{"a": NaN}', 'no word for NaN'),
    'Infinity': (b'{"a": Infinity}', 'no word for Infinity'),
    '-Infinity': (b'{"a": [-Infinity]}', 'no word for -Infinity'),
    'beyond a float': (b'{"a": 1e999}', 'too large'),
    'too many digits': (b'{"a": ' + b'9' * (bodies.MAX_DIGITS + 1) + b'}', 'too large'),
    'very many digits': (b'{"a": ' + b'9' * 60_000 + b'}', 'too large'),
    'a level too deep': (nested(bodies.MAX_DEPTH + 1), 'too deep'),
    'objects too deep': (b'{"a":' * 100 + b'1' + b'}' * 100, 'too deep'),
    'as deep as a body can be': (nested(bodies.MAX_BODY // 2), 'too deep'),
    'deep and broken': (b'[' * bodies.MAX_BODY, 'too deep'),
    'Latin-1': ('{"a": "ä"}'.encode('latin-1'), 'not UTF-8'),
    'UTF-16': ('{"a": 1}'.encode('utf-16'), 'not UTF-8'),
    'surrogate in UTF-8': (b'{"a": "\xed\xa0\x80"}', 'not UTF-8'),
    'half a pair': (b'{"a": ["\\ud83d"]}', 'surrogate'),
    'half a pair in a name': (b'{"\\ude00": 1}', 'surrogate'),
}


@pytest.mark.parametrize('name', REFUSED)
def test_refused(name: str) -> None:
    """What is no JSON object, or one that two readers may take for two, is refused and told why."""
    body, reason = REFUSED[name]
    with pytest.raises(falcon.HTTPBadRequest, match='400') as refused:
        read(body)
    description = refused.value.description or ''
    assert reason in description
    assert len(description) < 200
    json.dumps(description).encode()


def test_long_name_twice() -> None:
    """A name that is given twice is told, but not at any length."""
    name = b'"%s"' % (b'a' * 10_000)
    with pytest.raises(falcon.HTTPBadRequest) as refused:
        read(b'{%s: 1, %s: 1}' % (name, name))
    assert len(refused.value.description or '') < 200


class Silent(io.BytesIO):
    """A client that promises a body and sends none."""

    def read(self, size: int | None = -1) -> bytes:
        raise TimeoutError


def test_body_that_does_not_come() -> None:
    """A body that a client leaves the service waiting for is a time-out, and no defect."""
    waiting = request(b'{}')
    waiting.env['wsgi.input'] = Silent()
    with pytest.raises(falcon.HTTPError) as refused:
        bodies.read_json(waiting)
    assert refused.value.status_code == 408


@pytest.mark.parametrize(
    ('method', 'path', 'is_taken'),
    [
        ('POST', '/v1/runs', True),
        ('PUT', '/v1/runs/a', True),
        ('PATCH', '/v1/runs/a', True),
        ('DELETE', '/v1/runs/a', False),
        ('GET', '/v1/runs', False),
        ('post', '/v1/runs', False),
        ('POST', '/v1', False),
        ('POST', '/uuid', False),
        ('POST', '/v10/runs', False),
        ('POST', '//v1/runs', False),
        ('POST', '/sites', True),
        ('PUT', '/sites/a', True),
        ('DELETE', '/sites/a', False),
        ('POST', '/sites-of-others', False),
    ],
)
def test_who_may_have_a_body(method: str, path: str, is_taken: bool) -> None:
    """A body may come with what changes something of the platform, and with nothing else."""
    assert bodies.is_taken(method, path) is is_taken


@pytest.mark.parametrize(
    ('path', 'most'),
    [
        ('/sites', bodies.MAX_CONTENT),
        ('/sites/a', bodies.MAX_CONTENT),
        ('/v1/stacks', bodies.MAX_CONTENT),
        ('/v1/stacks/a/runs', bodies.MAX_CONTENT),
        ('/v1/stacks/a', bodies.MAX_BODY),
        ('/v1/runs/a/cancel', bodies.MAX_BODY),
    ],
)
def test_how_long_a_body_may_be(path: str, most: int) -> None:
    """Where inputs are taken they may be pages and other files."""
    assert bodies.most(path) == most
