"""A table of three rows in a database, and their count: `examples/hello_pulumi.py [destroy]`.

What the example `database_migration` of Pulumi's Automation API does, and its lines, by requests to
this service (https://github.com/pulumi/automation-api-examples). INFRA_URL says where that is, and
INFRA_TOKEN is for a service that wants one. Done again, it comes to the same.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import psycopg
import requests

STACK = 'hello-pulumi'
INPUTS = {'name': 'hello_pulumi', 'delete_protection': False}
# Seconds that one request waits for the end of a run, at most; and between two looks after that.
PATIENCE, LOOK_EVERY = 60, 1.0
TABLE = """
CREATE TABLE IF NOT EXISTS hello_pulumi(id int NOT NULL PRIMARY KEY, color varchar(14) NOT NULL)
"""
ROWS = """
INSERT INTO hello_pulumi (id, color) VALUES (1, 'Purple'), (2, 'Violet'), (3, 'Plum')
ON CONFLICT (id) DO NOTHING
"""
COUNT = 'SELECT COUNT(*) FROM hello_pulumi'


class FailedError(Exception):
    """The service did not do it; the message says why."""


class Service:
    """The service's `/v1`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f'{url.rstrip("/")}/v1'
        self._session = requests.Session()
        if token:
            self._session.headers['Authorization'] = f'Bearer {token}'

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer's JSON; None where there is nothing of that name.

        Raises FailedError.
        """
        headers = {'Prefer': f'wait={PATIENCE}'}
        try:
            answer = self._session.request(
                method, self._url + path, json=body, headers=headers, timeout=2 * PATIENCE
            )
            said = answer.json()
        except requests.RequestException as error:
            raise FailedError(f'The service cannot be reached: {error}') from error
        if answer.status_code == requests.codes.not_found:
            return None
        if not answer.ok:
            raise FailedError(f'{said["title"]}: {said.get("detail", "")} {said.get("errors", "")}')
        return said

    def done(self, run: Any) -> Any:
        """Wait until a run has succeeded; return it.

        Raises FailedError.
        """
        while not run['ended_at']:
            time.sleep(LOOK_EVERY)  # the service does not call back
            run = self.call('GET', f'/runs/{run["id"]}')
        if run['state'] != 'succeeded':
            raise FailedError(run['error']['message'] if run['error'] else run['state'])
        return run


def provision(service: Service) -> None:
    """Have the stack, the table and its rows, and print the lines of that."""
    stack = service.call('GET', f'/stacks/{STACK}')
    print('successfully initialized stack')
    print('installing plugins...')
    _insist_on_program(service)
    print('plugins installed')
    print('setting up config')
    order = {'program': 'database', 'name': STACK, 'inputs': INPUTS}
    print('config set')
    print('refreshing stack...')
    if stack:
        service.done(
            service.call('POST', f'/stacks/{STACK}/runs', {'operation': 'refresh', 'accept': True})
        )
    print('refresh complete')
    print('updating stack...')
    path = f'/stacks/{STACK}/runs' if stack else '/stacks'
    update = {'operation': 'update', 'inputs': INPUTS}
    run = service.done(service.call('POST', path, update if stack else order))
    print(f'update summary: \n{json.dumps(run["changes"], indent=4)}')
    print(f'db host url: {service.call("GET", f"/stacks/{STACK}/outputs")["host"]}')
    _fill(service.call('POST', f'/stacks/{STACK}/reveal?output=url')['value'])


def destroy(service: Service) -> None:
    """Remove it all, and print the lines of that."""
    if service.call('GET', f'/stacks/{STACK}') is not None:
        print('destroying stack...')
        service.done(service.call('DELETE', f'/stacks/{STACK}?queue=true'))
    print('stack destroy complete')


def _fill(url: str) -> None:
    print('configuring db...')
    with psycopg.connect(url) as connection:
        print('db configured!')
        print('creating table...')
        connection.execute(TABLE)
        connection.execute(ROWS)
        print('rows inserted!')
        print('querying to verify data...')
        print(f'Result: {json.dumps(connection.execute(COUNT).fetchone())}')
    print('database, table and rows successfully configured')


def _insist_on_program(service: Service) -> None:
    program = service.call('GET', '/programs/database')
    if program is None or not program['available']:
        raise FailedError('The service does not have the program `database`, or not for you.')


def main(arguments: list[str]) -> int:
    """Do what is asked for; return the exit code."""
    url = os.environ.get('INFRA_URL', 'http://localhost:8000')
    service = Service(url, os.environ.get('INFRA_TOKEN', ''))
    try:
        (destroy if 'destroy' in arguments else provision)(service)
    except (FailedError, psycopg.Error) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
