"""What each page of migrations shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.fields import Field
from stacks.migrating.migrations import Reachable
from stacks.migrating.telling import ToldPlan, ToldTable
from stacks.records import LogPart, Migration


@dataclass(frozen=True)
class MigrationsPage:
    """Migrations, the newest first; next, first: addresses of other parts of the list."""

    items: Sequence[Migration]
    can_begin: bool
    next: str
    first: str


@dataclass(frozen=True)
class MigrationFormPage:
    """The form of a new migration.

    reachable: what it may be about. make_database: where a database is made; empty: nowhere.
    flaws: (id of a field, what is wrong). obstacle: what is in the way of all of it.
    """

    source: Sequence[Field]
    target: Sequence[Field]
    choices: Sequence[Field]
    more: Sequence[Field]
    reachable: Reachable
    make_database: str
    flaws: Sequence[tuple[str, str]] = ()
    obstacle: str = ''

    @property
    def has_flaw_below(self) -> bool:
        """Whether something is wrong in what is folded away."""
        return any(each.flaw for each in self.more)


@dataclass(frozen=True)
class LiveMigration:
    """How far a migration is: what its page has, and what its script asks for again."""

    migration: Migration
    log: LogPart


@dataclass(frozen=True)
class PlanPart:
    """Some of a plan.

    tables: as many as there is room for, from an offset on, each with its number.
    is_whole: whether these are all, with their columns; else each has a page of its own.
    next: tables before those that come after these; 0 where none do.
    """

    told: ToldPlan
    notes: Sequence[tuple[str, Any]]
    tables: Sequence[tuple[int, ToldTable]]
    is_whole: bool
    offset: int = 0
    next: int = 0


@dataclass(frozen=True)
class PlannedTablePage:
    """A table of a plan."""

    migration: Migration
    table: ToldTable


@dataclass(frozen=True)
class MigrationPage:
    """A migration.

    plan: as much of it as fits; None where there is none. moved: the first tables with their rows.
    may_change: whether who looks may do something with it.
    """

    live: LiveMigration
    plan: PlanPart | None
    moved: Sequence[tuple[str, int]]
    may_change: bool
    before: str = ''
    after: str = ''
    flaws: Sequence[tuple[str, str]] = ()

    @property
    def migration(self) -> Migration:
        """The migration."""
        return self.live.migration


@dataclass(frozen=True)
class TablesPage:
    """Tables of a migration with their rows; next: those before the ones after, or 0."""

    migration: Migration
    moved: Sequence[tuple[str, int]]
    offset: int
    next: int


@dataclass(frozen=True)
class AbandonPage:
    """Whether a migration is to be removed; has_traces: also from the target."""

    migration: Migration
    has_traces: bool
