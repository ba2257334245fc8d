"""What others are told of, and the tokens of pipelines"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'


def upgrade() -> None:
    op.add_column('stacks', sa.Column('warned_of', sa.DateTime(), nullable=True))
    op.create_table(
        'events',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('type', sa.String(length=40), nullable=False),
        sa.Column('stack', sa.String(length=60), nullable=False),
        sa.Column('program', sa.String(length=60), nullable=False),
        sa.Column('data', sa.JSON(), nullable=False),
        sa.Column('is_spread', sa.Boolean(), nullable=False),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('id'),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f('ix_events_is_spread'), 'events', ['is_spread'], unique=False)
    op.create_table(
        'deliveries',
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('id', sa.String(length=40), nullable=False),
        sa.Column('event', sa.Integer(), nullable=False),
        sa.Column('destination', sa.String(length=60), nullable=False),
        sa.Column('state', sa.String(length=16), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('executor', sa.String(length=100), nullable=True),
        sa.Column('due_at', sa.DateTime(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('answer', sa.Text(), nullable=False),
        sa.Column('answered_at', sa.DateTime(), nullable=True),
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(['event'], ['events.number']),
        sa.PrimaryKeyConstraint('number'),
        sa.UniqueConstraint('id'),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f('ix_deliveries_event'), 'deliveries', ['event'], unique=False)
    op.create_index('waiting_deliveries', 'deliveries', ['state', 'due_at'], unique=False)
    op.create_table(
        'disabled_destinations',
        sa.Column('name', sa.String(length=60), nullable=False),
        sa.Column('fingerprint', sa.String(length=64), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('disabled_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('name'),
    )
    op.create_table(
        'pipeline_tokens',
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('seen', sa.String(length=64), nullable=False),
        sa.Column('trust', sa.String(length=60), nullable=False),
        sa.Column('expires_at', sa.DateTime(), nullable=False),
        sa.Column('forget_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('digest'),
        sa.UniqueConstraint('seen'),
    )
    op.create_index(
        op.f('ix_pipeline_tokens_forget_at'), 'pipeline_tokens', ['forget_at'], unique=False
    )
