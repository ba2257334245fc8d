"""The platform's own tables: what people asked for, and what came of it.

Moments are in UTC. Inputs are `{"plain": {name: value}, "secret": {name: what the vault made}}`.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

# One row: which passphrase the secrets are encrypted with (see vault.Vault).
vaults = sa.Table(
    'vaults',
    metadata,
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('salt', sa.Text, nullable=False),
)

# digest: of the program as it was last applied.
# secrets: every secret input that its state may know of, also former ones, as the vault made them.
# version: goes up with each change of what a client sees.
# changed_by: the number of the last run that may have changed resources.
# expiry_*: how often its destroy after its time failed, and when it is tried again.
stacks = sa.Table(
    'stacks',
    metadata,
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('name', sa.String(60), nullable=False, unique=True),
    sa.Column('program', sa.String(60), nullable=False),
    sa.Column('digest', sa.String(64), nullable=False, default=''),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('description', sa.Text, nullable=False, default=''),
    sa.Column('owner', sa.String(60), nullable=False, index=True),
    sa.Column('inputs', sa.JSON, nullable=False),
    sa.Column('secrets', sa.JSON, nullable=False, default=list),
    sa.Column('outputs', sa.JSON, nullable=False, default=dict),
    sa.Column('protected', sa.Boolean, nullable=False, default=False),
    sa.Column('drift', sa.JSON(none_as_null=True)),
    sa.Column('created_at', sa.DateTime, nullable=False),
    sa.Column('expires_at', sa.DateTime, index=True),
    sa.Column('expiry_failures', sa.Integer, nullable=False, default=0),
    sa.Column('expiry_retry_at', sa.DateTime),
    sa.Column('last_run', sa.String(40)),
    sa.Column('changed_by', sa.Integer, nullable=False, default=0),
    sa.Column('version', sa.Integer, nullable=False, default=1),
)

# What a stack consists of (see operation.inventory), as of its last run that could tell; apart, as
# it is long and lists do without.
inventories = sa.Table(
    'inventories',
    metadata,
    sa.Column('stack_id', sa.ForeignKey('stacks.id', ondelete='CASCADE'), primary_key=True),
    sa.Column('resources', sa.JSON, nullable=False),
    sa.Column('secret_outputs', sa.JSON, nullable=False),
)

# number: their order. cancel: how often that was asked for.
# given: the names of the inputs that its caller gave; the others are the stack's when it begins.
# based_on: the stack's changed_by when the run began. executor: the service that does it.
runs = sa.Table(
    'runs',
    metadata,
    sa.Column('number', sa.Integer, primary_key=True),
    sa.Column('id', sa.String(40), nullable=False, unique=True),
    sa.Column('stack_id', sa.ForeignKey('stacks.id', ondelete='SET NULL'), index=True),
    sa.Column('stack', sa.String(60), nullable=False, index=True),
    sa.Column('program', sa.String(60), nullable=False),
    sa.Column('digest', sa.String(64), nullable=False, default=''),
    sa.Column('operation', sa.String(16), nullable=False),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('cancel', sa.Integer, nullable=False, default=0),
    sa.Column('caller', sa.String(60), nullable=False),
    sa.Column('reason', sa.String(60), nullable=False, default=''),
    sa.Column('accept', sa.Boolean, nullable=False, default=False),
    sa.Column('preview', sa.String(40)),
    sa.Column('based_on', sa.Integer, nullable=False, default=0),
    sa.Column('inputs', sa.JSON, nullable=False),
    sa.Column('given', sa.JSON, nullable=False, default=list),
    sa.Column('attempts', sa.Integer, nullable=False, default=0),
    sa.Column('executor', sa.String(100)),
    sa.Column('error', sa.JSON(none_as_null=True)),
    sa.Column('resources', sa.JSON, nullable=False, default=list),
    sa.Column('changes', sa.JSON, nullable=False, default=dict),
    sa.Column('log_size', sa.Integer, nullable=False, default=0),
    sa.Column('created_at', sa.DateTime, nullable=False),
    sa.Column('started_at', sa.DateTime),
    sa.Column('ended_at', sa.DateTime, index=True),
    # Numbers of runs that are gone are not given out again: they tell what came before what.
    sqlite_autoincrement=True,
)
sa.Index(
    'one_running_per_stack',
    runs.c.stack_id,
    unique=True,
    sqlite_where=runs.c.state == 'running',
    postgresql_where=runs.c.state == 'running',
)
sa.Index('active_runs', runs.c.state, runs.c.number)

# A run's log in parts; offset: the bytes before it.
log_parts = sa.Table(
    'log_parts',
    metadata,
    sa.Column('run_id', sa.ForeignKey('runs.id', ondelete='CASCADE'), primary_key=True),
    sa.Column('offset', sa.Integer, primary_key=True),
    sa.Column('text', sa.Text, nullable=False),
)

# Tables on their way from one database to another. run_id: the last run.
# source, target: as people may see them. secret: the URLs of both, as the vault made them; none
# once all is done. wishes: what was asked for, with the names of stacks that the URLs are of.
# is_begun: whether there may be something of it in the target.
# result: what it has brought, which is stored before the last trace of it goes from the target.
migrations = sa.Table(
    'migrations',
    metadata,
    sa.Column('number', sa.Integer, primary_key=True),
    sa.Column('id', sa.String(40), nullable=False, unique=True),
    sa.Column('run_id', sa.String(40), nullable=False, index=True),
    sa.Column('caller', sa.String(60), nullable=False, index=True),
    sa.Column('source', sa.Text, nullable=False),
    sa.Column('target', sa.Text, nullable=False),
    sa.Column('wishes', sa.JSON, nullable=False),
    sa.Column('secret', sa.JSON, nullable=False),
    sa.Column('is_begun', sa.Boolean, nullable=False, default=False),
    sa.Column('plan', sa.JSON(none_as_null=True)),
    sa.Column('progress', sa.JSON(none_as_null=True)),
    sa.Column('rejects', sa.JSON, nullable=False, default=list),
    sa.Column('result', sa.JSON(none_as_null=True)),
    sa.Column('created_at', sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)

# What was asked for under an Idempotency-Key, and the run that came of it.
keys = sa.Table(
    'keys',
    metadata,
    sa.Column('caller', sa.String(60), primary_key=True),
    sa.Column('key', sa.String(255), primary_key=True),
    sa.Column('fingerprint', sa.String(64), nullable=False),
    sa.Column('run_id', sa.String(40), nullable=False),
    sa.Column('created_at', sa.DateTime, nullable=False),
)

# Who has signed in to the pages. id: a hash of what the browser has. fingerprint: by which, with
# what the browser has, the token is known again.
sessions = sa.Table(
    'sessions',
    metadata,
    sa.Column('id', sa.String(64), primary_key=True),
    sa.Column('fingerprint', sa.String(64), nullable=False),
    sa.Column('created_at', sa.DateTime, nullable=False),
    sa.Column('seen_at', sa.DateTime, nullable=False),
)

# Calls that were received, by what is the same when one comes again.
trigger_deliveries = sa.Table(
    'trigger_deliveries',
    metadata,
    sa.Column('source', sa.String(60), primary_key=True),
    sa.Column('key', sa.String(200), primary_key=True),
    sa.Column('received_at', sa.DateTime, nullable=False, index=True),
)

# What calls told, and what was decided: one row for each event and rule that it is for.
# number: their order. status, name, fingerprint, episode, labels, url: as triggers.event has them.
# outcome: `received` until it is decided. target: the input that was moved, and where to.
trigger_events = sa.Table(
    'trigger_events',
    metadata,
    sa.Column('number', sa.Integer, primary_key=True),
    sa.Column('id', sa.String(40), nullable=False, unique=True),
    sa.Column('source', sa.String(60), nullable=False),
    sa.Column('rule', sa.String(60), nullable=False, default=''),
    sa.Column('status', sa.String(16), nullable=False),
    sa.Column('name', sa.String(200), nullable=False),
    sa.Column('fingerprint', sa.String(250), nullable=False, default=''),
    sa.Column('episode', sa.String(450), nullable=False, default=''),
    sa.Column('labels', sa.JSON, nullable=False, default=dict),
    sa.Column('url', sa.Text, nullable=False, default=''),
    sa.Column('outcome', sa.String(16), nullable=False),
    sa.Column('reason', sa.Text, nullable=False, default=''),
    sa.Column('program', sa.String(60), nullable=False, default=''),
    sa.Column('stack', sa.String(60), nullable=False, default=''),
    sa.Column('target', sa.JSON(none_as_null=True)),
    sa.Column('caller', sa.String(60), nullable=False, default=''),
    sa.Column('run_id', sa.String(40), index=True),
    sa.Column('received_at', sa.DateTime, nullable=False, index=True),
    sa.Column('decided_at', sa.DateTime),
    sqlite_autoincrement=True,
)
sa.Index('trigger_events_outcome', trigger_events.c.outcome, trigger_events.c.number)
sa.Index('trigger_events_of_rule', trigger_events.c.rule, trigger_events.c.stack)

# What goes on, or went on: an alert of a rule from its begin to its end.
# state: `firing`, `resolving` while it may begin again, or `over`.
# baseline: the input as it was before any alert moved it; null where there was none.
# steps: how often it was moved. told: what was last decided by the clock.
# due_at: when it is looked at again. lease_until: when it ends where no call comes.
trigger_episodes = sa.Table(
    'trigger_episodes',
    metadata,
    sa.Column('number', sa.Integer, primary_key=True),
    sa.Column('source', sa.String(60), nullable=False),
    sa.Column('rule', sa.String(60), nullable=False),
    sa.Column('episode', sa.String(450), nullable=False),
    sa.Column('fingerprint', sa.String(250), nullable=False),
    sa.Column('name', sa.String(200), nullable=False),
    sa.Column('labels', sa.JSON, nullable=False),
    sa.Column('url', sa.Text, nullable=False, default=''),
    sa.Column('stack', sa.String(60), nullable=False),
    sa.Column('state', sa.String(16), nullable=False, index=True),
    sa.Column('baseline', sa.Integer),
    sa.Column('steps', sa.Integer, nullable=False, default=0),
    sa.Column('told', sa.Text, nullable=False, default=''),
    sa.Column('due_at', sa.DateTime),
    sa.Column('lease_until', sa.DateTime),
    sa.Column('created_at', sa.DateTime, nullable=False),
    sa.Column('ended_at', sa.DateTime, index=True),
    sa.UniqueConstraint('source', 'rule', 'episode'),
    sqlite_autoincrement=True,
)
sa.Index('trigger_episodes_of_stack', trigger_episodes.c.stack, trigger_episodes.c.state)

# What somebody in a chat may agree to, once. id: a hash of what the button has.
# run_id: the preview that is decided, or none for a destroy. version: the stack's that it is of.
# address: where to answer, as the vault made it. decided_by: who has agreed, or refused.
trigger_approvals = sa.Table(
    'trigger_approvals',
    metadata,
    sa.Column('id', sa.String(64), primary_key=True),
    sa.Column('source', sa.String(60), nullable=False),
    sa.Column('operation', sa.String(16), nullable=False),
    sa.Column('stack', sa.String(60), nullable=False),
    sa.Column('run_id', sa.String(40)),
    sa.Column('version', sa.Integer, nullable=False),
    sa.Column('asked_by', sa.String(60), nullable=False),
    sa.Column('address', sa.Text, nullable=False),
    sa.Column('expires_at', sa.DateTime, nullable=False, index=True),
    sa.Column('decided_by', sa.String(60)),
)

# What is still to be told in a chat: a message, or how a run has ended.
# address: as above. operation: what the end of a preview asks for; empty: nothing.
trigger_replies = sa.Table(
    'trigger_replies',
    metadata,
    sa.Column('number', sa.Integer, primary_key=True),
    sa.Column('source', sa.String(60), nullable=False),
    sa.Column('message', sa.JSON(none_as_null=True)),
    sa.Column('run_id', sa.String(40), index=True),
    sa.Column('operation', sa.String(16), nullable=False, default=''),
    sa.Column('asked_by', sa.String(60), nullable=False),
    sa.Column('address', sa.Text, nullable=False),
    sa.Column('attempts', sa.Integer, nullable=False, default=0),
    sa.Column('due_at', sa.DateTime, nullable=False, index=True),
    sa.Column('expires_at', sa.DateTime, nullable=False),
    sqlite_autoincrement=True,
)
