"""Many stacks in a service's records, as if they had been made long ago."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stacks.moments import now
from stacks.store import database
from stacks.store.tables import runs, stacks

MANY = 1000


def plant(state: Path) -> None:
    """Write them into the records in this folder, each with a run."""
    common: dict[str, Any] = {
        'program': 'files',
        'inputs': {'plain': {}, 'secret': {}},
        'created_at': now(),
    }
    done = {'state': 'succeeded', 'operation': 'update', 'caller': 'somebody', 'ended_at': now()}
    numbers = range(MANY)
    opened = database.connect('', state)
    with opened.writing() as connection:
        connection.execute(
            stacks.insert(),
            [
                {
                    **{**common, 'name': f'many-{number:04}', 'owner': f'owner-{number % 40}'},
                    **{'state': 'ready', 'last_run': f'run_many{number}'},
                }
                for number in numbers
            ],
        )
        connection.execute(
            runs.insert(),
            [
                {**common, **done, 'id': f'run_many{number}', 'stack': f'many-{number:04}'}
                for number in numbers
            ],
        )
    opened.close()
