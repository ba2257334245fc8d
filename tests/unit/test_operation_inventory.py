"""What a stack consists of, from what Pulumi exports."""

from __future__ import annotations

import json
from typing import Any

from stacks.operation import inventory
from stacks.operation.marks import SECRET_SIGNATURE, SIGNATURE

STACK = 'urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev'


def secret(value: Any) -> dict[str, Any]:
    return {SIGNATURE: SECRET_SIGNATURE, 'plaintext': json.dumps(value)}


def resource(name: str, kind: str = 'a:b:C', **more: Any) -> dict[str, Any]:
    return {'urn': f'urn:pulumi:dev::p::{kind}::{name}', 'type': kind, 'parent': STACK, **more}


def take(*resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> inventory.Inventory:
    stack = {'urn': STACK, 'type': 'pulumi:pulumi:Stack', 'outputs': outputs or {}}
    return inventory.take({'resources': [stack, *resources]}, lambda text: f'sealed {text}')


def test_resources() -> None:
    """Resources are told with what they rest on; the stack, providers and what goes are not."""
    a = resource('a', id='1')
    b = resource('b', dependencies=[a['urn'], 'gone'], parent=a['urn'])
    found = take(a, b, resource('p', 'pulumi:providers:a'), resource('old', delete=True)).resources
    assert [(each['name'], each['id'], each['parent']) for each in found] == [
        ('a', '1', None),
        ('b', None, a['urn']),
    ]
    assert found[1]['depends_on'] == [a['urn']]


def test_secret_outputs() -> None:
    """Outputs that are secret, or have a secret in them, are sealed whole; others are not kept."""
    outputs = {'plain': 1, 'whole': secret('x'), 'part': {'list': [secret({'y': 1}), 2]}}
    assert take(outputs=outputs).secret_outputs == {
        'whole': 'sealed "x"',
        'part': 'sealed {"list": [{"y": 1}, 2]}',
    }


def test_nothing() -> None:
    """A stack of which Pulumi knows nothing has nothing."""
    assert inventory.take({}, str) == inventory.Inventory([], {})


def test_many() -> None:
    """Of a very large stack, some resources are kept."""
    found = take(*(resource(str(number)) for number in range(600))).resources
    assert len(found) == inventory.MOST_RESOURCES
