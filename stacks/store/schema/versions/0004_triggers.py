"""Calls from elsewhere, and what was decided"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'


def upgrade() -> None:
    op.create_table(
        'trigger_deliveries',
        sa.Column('source', sa.String(length=60), nullable=False),
        sa.Column('key', sa.String(length=200), nullable=False),
        sa.Column('received_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('source', 'key'),
    )
    op.create_index(
        op.f('ix_trigger_deliveries_received_at'),
        'trigger_deliveries',
        ['received_at'],
        unique=False,
    )
    op.create_table(
        'trigger_events',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('source', sa.String(length=60), nullable=False),
        sa.Column('rule', sa.String(length=60), nullable=False),
        sa.Column('status', sa.String(length=16), nullable=False),
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('fingerprint', sa.String(length=250), nullable=False),
        sa.Column('episode', sa.String(length=450), nullable=False),
        sa.Column('labels', sa.JSON(), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('outcome', sa.String(length=16), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('program', sa.String(length=60), nullable=False),
        sa.Column('stack', sa.String(length=60), nullable=False),
        sa.Column('target', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('caller', sa.String(length=60), nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=True),
        sa.Column('received_at', sa.DateTime(), nullable=False),
        sa.Column('decided_at', sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('id'),
        sqlite_autoincrement=True,
    )
    for column in ('received_at', 'run_id'):
        op.create_index(
            op.f(f'ix_trigger_events_{column}'), 'trigger_events', [column], unique=False
        )
    op.create_index('trigger_events_outcome', 'trigger_events', ['outcome', 'number'], unique=False)
    op.create_index('trigger_events_of_rule', 'trigger_events', ['rule', 'stack'], unique=False)
    op.create_table(
        'trigger_episodes',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('source', sa.String(length=60), nullable=False),
        sa.Column('rule', sa.String(length=60), nullable=False),
        sa.Column('episode', sa.String(length=450), nullable=False),
        sa.Column('fingerprint', sa.String(length=250), nullable=False),
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('labels', sa.JSON(), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('stack', sa.String(length=60), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('baseline', sa.Integer(), nullable=True),
        sa.Column('steps', sa.Integer(), nullable=False),
        sa.Column('told', sa.Text(), nullable=False),
        sa.Column('due_at', sa.DateTime(), nullable=True),
        sa.Column('lease_until', sa.DateTime(), nullable=True),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('ended_at', sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('source', 'rule', 'episode'),
        sqlite_autoincrement=True,
    )
    for column in ('state', 'ended_at'):
        op.create_index(
            op.f(f'ix_trigger_episodes_{column}'), 'trigger_episodes', [column], unique=False
        )
    op.create_index(
        'trigger_episodes_of_stack', 'trigger_episodes', ['stack', 'state'], unique=False
    )
    op.create_table(
        'trigger_approvals',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('source', sa.String(length=60), nullable=False),
        sa.Column('operation', sa.String(length=16), nullable=False),
        sa.Column('stack', sa.String(length=60), nullable=False),
        sa.Column('run_id', sa.String(length=40), nullable=True),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('asked_by', sa.String(length=60), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('expires_at', sa.DateTime(), nullable=False),
        sa.Column('decided_by', sa.String(length=60), nullable=True),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index(
        op.f('ix_trigger_approvals_expires_at'), 'trigger_approvals', ['expires_at'], unique=False
    )
    op.create_table(
        'trigger_replies',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('source', sa.String(length=60), nullable=False),
        sa.Column('message', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('run_id', sa.String(length=40), nullable=True),
        sa.Column('operation', sa.String(length=16), nullable=False),
        sa.Column('asked_by', sa.String(length=60), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('due_at', sa.DateTime(), nullable=False),
        sa.Column('expires_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('number'),
        sqlite_autoincrement=True,
    )
    for column in ('run_id', 'due_at'):
        op.create_index(
            op.f(f'ix_trigger_replies_{column}'), 'trigger_replies', [column], unique=False
        )
