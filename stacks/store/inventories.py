"""What stacks consist of, in the database."""

from __future__ import annotations

import sqlalchemy as sa

from stacks.operation.inventory import Inventory
from stacks.store.tables import inventories


def of_stack(connection: sa.Connection, stack_id: int) -> Inventory:
    """Return what a stack consists of, as far as it was ever told."""
    query = sa.select(inventories).where(inventories.c.stack_id == stack_id)
    row = connection.execute(query).one_or_none()
    return Inventory(row.resources, row.secret_outputs) if row else Inventory([], {})


def replace(connection: sa.Connection, stack_id: int, found: Inventory) -> None:
    """Store what a stack consists of now; whoever does so has locked the stack."""
    connection.execute(inventories.delete().where(inventories.c.stack_id == stack_id))
    connection.execute(
        inventories.insert().values(
            stack_id=stack_id, resources=found.resources, secret_outputs=found.secret_outputs
        )
    )
