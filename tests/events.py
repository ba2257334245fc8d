"""Events of Pulumi's engine, as its automation API hands them on."""

from __future__ import annotations

from typing import Any

from pulumi.automation import EngineEvent

STACK = 'urn:pulumi:dev::token::pulumi:pulumi:Stack::token-dev'
TYPE = 'random:index/randomString:RandomString'


def urn(name: str) -> str:
    """Return the urn of a resource."""
    return f'urn:pulumi:dev::token::{TYPE}::{name}'


def pre(op: str, resource: str, **states: Any) -> EngineEvent:
    """Return the event that a step begins."""
    return _event(resourcePreEvent={'metadata': _step(op, resource, **states)})


def done(op: str, resource: str, **states: Any) -> EngineEvent:
    """Return the event that a step has ended well."""
    return _event(resOutputsEvent={'metadata': _step(op, resource, **states)})


def failed(op: str, resource: str) -> EngineEvent:
    """Return the event that a step has failed."""
    return _event(resOpFailedEvent={'metadata': _step(op, resource), 'status': 0, 'steps': 1})


def told(message: str, resource: str = '', severity: str = 'error') -> EngineEvent:
    """Return the event of a message."""
    given = {'message': message, 'color': 'raw', 'severity': severity, 'urn': resource}
    return _event(diagnosticEvent=given)


def summary(**changes: int) -> EngineEvent:
    """Return the event at the end of all."""
    given = {'maybeCorrupt': False, 'durationSeconds': 1, 'resourceChanges': changes}
    return _event(summaryEvent={**given, 'PolicyPacks': {}})


def _event(**given: Any) -> EngineEvent:
    return EngineEvent.from_json({'sequence': 1, 'timestamp': 1, **given})


def _step(op: str, resource: str, **states: Any) -> dict[str, Any]:
    kind = resource.split('::')[2].rpartition('$')[2]
    found: dict[str, Any] = {'op': op, 'urn': resource, 'type': kind, 'provider': ''}
    for name in ('old', 'new'):
        state = states.get(name)
        if state is not None:
            found[name] = {'type': kind, 'urn': resource, 'id': 'x', **state}
    return {**found, 'keys': states.get('keys')}
