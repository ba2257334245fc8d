"""What stacks consist of, and who has signed in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table(
        'inventories',
        sa.Column('stack_id', sa.Integer(), nullable=False),
        sa.Column('resources', sa.JSON(), nullable=False),
        sa.Column('secret_outputs', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['stack_id'], ['stacks.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('stack_id'),
    )
    op.create_table(
        'sessions',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('fingerprint', sa.String(length=64), nullable=False),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('seen_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
