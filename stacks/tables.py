"""The platform's own tables: what people asked for, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

# One row: what the vault's key is made with, and what tells whether a passphrase is the right one.
vaults = sa.Table(
    'vaults',
    metadata,
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('salt', sa.LargeBinary, nullable=False),
    sa.Column('proof', sa.Text, nullable=False),
)

# inputs, outputs: JSON; a secret input is {"secret": what the vault made of it}.
# version: goes up with each change of what a client sees as the stack.
stacks = sa.Table(
    'stacks',
    metadata,
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('name', sa.String(60), nullable=False, unique=True),
    sa.Column('program', sa.String(60), nullable=False),
    sa.Column('digest', sa.String(64), nullable=False, default=''),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('owner', sa.String(100), nullable=False),
    sa.Column('inputs', sa.JSON, nullable=False),
    sa.Column('outputs', sa.JSON, nullable=False),
    sa.Column('drift', sa.JSON),
    sa.Column('created_at', sa.DateTime, nullable=False),
    sa.Column('expires_at', sa.DateTime, index=True),
    sa.Column('version', sa.Integer, nullable=False, default=1),
)

# state: queued, running, succeeded, failed, cancelled or interrupted.
# attempts: how often it was begun; more than one after a death.
runs = sa.Table(
    'runs',
    metadata,
    sa.Column('id', sa.String(40), primary_key=True),
    sa.Column('stack_id', sa.ForeignKey('stacks.id', ondelete='SET NULL'), index=True),
    sa.Column('stack', sa.String(60), nullable=False, index=True),
    sa.Column('program', sa.String(60), nullable=False),
    sa.Column('digest', sa.String(64), nullable=False, default=''),
    sa.Column('operation', sa.String(16), nullable=False),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('cancel', sa.Boolean, nullable=False, default=False),
    sa.Column('caller', sa.String(100), nullable=False),
    sa.Column('reason', sa.String(100), nullable=False, default=''),
    sa.Column('inputs', sa.JSON, nullable=False),
    sa.Column('attempts', sa.Integer, nullable=False, default=0),
    sa.Column('error', sa.JSON),
    sa.Column('resources', sa.JSON, nullable=False),
    sa.Column('changes', sa.JSON, nullable=False),
    sa.Column('created_at', sa.DateTime, nullable=False, index=True),
    sa.Column('started_at', sa.DateTime),
    sa.Column('ended_at', sa.DateTime),
)

# A run's output in parts; offset: bytes before it.
log_parts = sa.Table(
    'log_parts',
    metadata,
    sa.Column('run_id', sa.ForeignKey('runs.id', ondelete='CASCADE'), primary_key=True),
    sa.Column('offset', sa.Integer, primary_key=True),
    sa.Column('text', sa.Text, nullable=False),
)
