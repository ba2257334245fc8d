"""What is to be done with a migration, and what there is to tell of it meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from migrations.plans import Plan
from migrations.progress import Progress
from migrations.rows import Reject
from migrations.running import Result
from stacks.migrating.reach import staging_id

# Those that are kept: as many as may be allowed for.
MOST_REJECTS = 10_000


@dataclass(frozen=True)
class Job:
    """One run of a migration.

    secret: the URLs of both ends, as the vault made them.
    wishes: what was asked for. plan, result: as they are stored; None where there is none yet.
    """

    run_id: str
    migration: str
    operation: str
    secret: Mapping[str, str] = field(repr=False)
    wishes: Mapping[str, Any]
    plan: Mapping[str, Any] | None
    result: Mapping[str, Any] | None

    @property
    def staging(self) -> str:
        """The id by which the target knows it, the same in each of its runs."""
        return staging_id(self.migration)


class Account:
    """Columns of a migration as they are now; told by one thread, stored by another."""

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {}

    @property
    def columns(self) -> dict[str, Any]:
        """All that was told."""
        return self._columns

    def plan(self, made: Plan) -> None:
        """Tell what will be done."""
        self._tell(plan=made.as_data())

    def progress(self, progress: Progress) -> None:
        """Tell how far it is."""
        left = progress.left
        self._tell(
            progress={
                'step': progress.step,
                'rows': progress.rows,
                'total': progress.total,
                'rate': round(progress.rate, 1),
                'seconds_left': None if left is None else round(left, 1),
            }
        )

    def rejects(self, rejects: Sequence[Reject]) -> None:
        """Tell what was left out."""
        self._tell(rejects=[asdict(each) for each in rejects[:MOST_REJECTS]])

    def result(self, result: Result) -> None:
        """Tell what it has brought."""
        self.rejects(result.rejects)
        self._tell(
            result={'rows': result.rows, 'backup': result.backup or None},
            moved=[list(each) for each in result.moved],
        )

    def _tell(self, **columns: Any) -> None:
        # A new one, never a change: whoever stores it compares it with the one before.
        self._columns = {**self._columns, **columns}
