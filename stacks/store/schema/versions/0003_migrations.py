"""Migrations of tables between databases"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'


def upgrade() -> None:
    op.create_table(
        'migrations',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=False),
        sa.Column('caller', sa.String(length=60), nullable=False),
        sa.Column('source', sa.Text(), nullable=False),
        sa.Column('target', sa.Text(), nullable=False),
        sa.Column('wishes', sa.JSON(), nullable=False),
        sa.Column('secret', sa.JSON(), nullable=False),
        sa.Column('is_begun', sa.Boolean(), nullable=False),
        sa.Column('plan', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('progress', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('rejects', sa.JSON(), nullable=False),
        sa.Column('result', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('id'),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f('ix_migrations_caller'), 'migrations', ['caller'], unique=False)
    op.create_index(op.f('ix_migrations_run_id'), 'migrations', ['run_id'], unique=False)
