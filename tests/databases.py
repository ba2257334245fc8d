"""A service with databases, as a client and as the operator of its server see them."""

from __future__ import annotations

from typing import Any

from tests.database_server import DatabaseServer
from tests.platform import Client
from tests.service import Service

PROGRAM = 'database'


class Databases:
    """A service with databases, and its server."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client = Client(service.url)
        self.client.wait_until_up()
        self.server = DatabaseServer(service.state)

    def create(self, stack: str, **inputs: Any) -> dict[str, Any]:
        """Make a database stack; return its outputs, with the secret ones in clear."""
        self.client.done(self.client.create(stack, inputs, program=PROGRAM))
        return self.outputs(stack)

    def refused(self, stack: str, **inputs: Any) -> str:
        """Order a database stack that cannot be; return why, with nothing of it left."""
        run = self.client.ended(self.client.create(stack, inputs, program=PROGRAM))
        assert run['state'] == 'failed', run
        assert 'Traceback' not in run['error']['message']
        self.destroy(stack)
        return str(run['error']['message'])

    def outputs(self, stack: str) -> dict[str, Any]:
        """Return a stack's outputs, with the secret ones in clear."""
        found = dict(self.client.get(f'/stacks/{stack}/outputs'))
        for name, value in found.items():
            if '[secret]' in str(value):
                found[name] = self._revealed(stack, name)
        return found

    def update(self, stack: str, **inputs: Any) -> dict[str, Any]:
        """Update a stack with some inputs changed."""
        return self.client.done(self.client.start(stack, 'update', inputs=inputs))

    def not_updated(self, stack: str, **inputs: Any) -> str:
        """Return why an update fails."""
        run = self.client.ended(self.client.start(stack, 'update', inputs=inputs))
        assert run['state'] == 'failed', run
        return str(run['error']['message'])

    def drift(self, stack: str) -> dict[str, int]:
        """Return what a look finds changed outside."""
        self.client.done(self.client.start(stack, 'refresh'))
        drift = self.client.get(f'/stacks/{stack}')['drift']
        return dict(drift['changes'])

    def destroy(self, stack: str) -> None:
        """Destroy a stack."""
        self.client.done(self.client.destroy(stack))

    def not_destroyed(self, stack: str) -> str:
        """Return why a destroy fails."""
        run = self.client.ended(self.client.destroy(stack))
        assert run['state'] == 'failed', run
        return str(run['error']['message'])

    def _revealed(self, stack: str, output: str) -> str:
        answer = self.client.call('POST', f'/stacks/{stack}/reveal?output={output}')
        assert answer.status_code == 200, answer.text
        return str(answer.json()['value'])
