"""Rows of each table of a migration"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'


def upgrade() -> None:
    op.add_column('migrations', sa.Column('moved', sa.JSON(none_as_null=True), nullable=True))
