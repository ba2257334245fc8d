"""Stacks, runs and their logs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table(
        'keys',
        sa.Column('caller', sa.String(length=60), nullable=False),
        sa.Column('key', sa.String(length=255), nullable=False),
        sa.Column('fingerprint', sa.String(length=64), nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=False),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('caller', 'key'),
    )
    op.create_table(
        'stacks',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(length=60), nullable=False),
        sa.Column('program', sa.String(length=60), nullable=False),
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('description', sa.Text(), nullable=False),
        sa.Column('owner', sa.String(length=60), nullable=False),
        sa.Column('inputs', sa.JSON(), nullable=False),
        sa.Column('secrets', sa.JSON(), nullable=False),
        sa.Column('outputs', sa.JSON(), nullable=False),
        sa.Column('protected', sa.Boolean(), nullable=False),
        sa.Column('drift', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('expires_at', sa.DateTime(), nullable=True),
        sa.Column('expiry_failures', sa.Integer(), nullable=False),
        sa.Column('expiry_retry_at', sa.DateTime(), nullable=True),
        sa.Column('last_run', sa.String(length=40), nullable=True),
        sa.Column('changed_by', sa.Integer(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('name'),
    )
    op.create_index(op.f('ix_stacks_expires_at'), 'stacks', ['expires_at'], unique=False)
    op.create_index(op.f('ix_stacks_owner'), 'stacks', ['owner'], unique=False)
    op.create_table(
        'vaults',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('salt', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_table(
        'runs',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('stack_id', sa.Integer(), nullable=True),
        sa.Column('stack', sa.String(length=60), nullable=False),
        sa.Column('program', sa.String(length=60), nullable=False),
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('operation', sa.String(length=16), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('cancel', sa.Integer(), nullable=False),
        sa.Column('caller', sa.String(length=60), nullable=False),
        sa.Column('reason', sa.String(length=60), nullable=False),
        sa.Column('accept', sa.Boolean(), nullable=False),
        sa.Column('preview', sa.String(length=40), nullable=True),
        sa.Column('based_on', sa.Integer(), nullable=False),
        sa.Column('inputs', sa.JSON(), nullable=False),
        sa.Column('given', sa.JSON(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('executor', sa.String(length=100), nullable=True),
        sa.Column('error', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('resources', sa.JSON(), nullable=False),
        sa.Column('changes', sa.JSON(), nullable=False),
        sa.Column('log_size', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('started_at', sa.DateTime(), nullable=True),
        sa.Column('ended_at', sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(['stack_id'], ['stacks.id'], ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('id'),
        sqlite_autoincrement=True,
    )
    op.create_index('active_runs', 'runs', ['state', 'number'], unique=False)
    op.create_index(op.f('ix_runs_ended_at'), 'runs', ['ended_at'], unique=False)
    op.create_index(op.f('ix_runs_stack'), 'runs', ['stack'], unique=False)
    op.create_index(op.f('ix_runs_stack_id'), 'runs', ['stack_id'], unique=False)
    op.create_index(
        'one_running_per_stack',
        'runs',
        ['stack_id'],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        'log_parts',
        sa.Column('run_id', sa.String(length=40), nullable=False),
        sa.Column('offset', sa.Integer(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['run_id'], ['runs.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('run_id', 'offset'),
    )
