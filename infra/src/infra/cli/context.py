"""What one call of `infra` works with: its options, its client, and where its words go."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Protocol, TypeVar

import click

from infra.cli import table, text
from infra.client import Client
from infra.errors import InfraError
from infra.records import Json
from infra.waiting import Surroundings, ignored


class Listed(Protocol):
    """A record as lists have them."""

    @property
    def json(self) -> Json:
        """All that was said of it."""


Item = TypeVar('Item', bound=Listed)


@dataclass
class Context:
    """What was asked for.

    as_json, quiet, insecure: the options of these names.
    around: the clock and the pauses of this call.
    lost: is told when the service is away while a run is waited for.
    """

    as_json: bool = False
    quiet: bool = False
    insecure: bool = False
    around: Surroundings = field(default_factory=Surroundings)
    lost: Callable[[InfraError, float], None] = ignored

    @cached_property
    def client(self) -> Client:
        """The service.

        Raises SettingsError.
        """
        around = replace(self.around, lost=self._lost)
        return Client.from_settings(insecure=self.insecure, around=around)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody is there who can be asked."""
        return table.is_terminal(sys.stdin) and table.is_terminal(sys.stderr)

    @property
    def is_silent(self) -> bool:
        """Whether only results and errors are wanted: who takes JSON reads stderr by it, too."""
        return self.quiet or self.as_json

    @property
    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(timezone.utc)

    def say(self, words: str) -> None:
        """Tell people something that is no result."""
        if not self.is_silent:
            click.echo(text.printable(words), err=True)

    def warn(self, words: str) -> None:
        """Tell people something that they must know, however quiet it is to be."""
        click.echo(text.printable(words), err=True)

    def warn_table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show people a table that they must know."""
        for line in table.lines(head, rows, table.columns_of(sys.stderr)):
            click.echo(line, err=True)

    def put(self, line: str) -> None:
        """Give a line of the result."""
        click.echo(text.printable(line))

    def put_table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Give a table as result."""
        for line in table.lines(head, rows, table.columns_of(sys.stdout)):
            click.echo(line)

    def put_pairs(self, rows: Sequence[tuple[str, str]]) -> None:
        """Give names and what belongs to them as result."""
        for line in table.pairs(rows, table.columns_of(sys.stdout)):
            click.echo(line)

    def put_list(
        self,
        found: Sequence[Item],
        name: Callable[[Item], str],
        heads: Sequence[str],
        row: Callable[[Item], Sequence[str]],
        *,
        nothing: str = '',
    ) -> None:
        """Give a list of records as result, in the form that is wished for.

        name: returns what a script takes of one. nothing: tells people that there is none.
        """
        if self.as_json:
            self.put_json({'items': [each.json for each in found], 'next': None})
        elif self.quiet:
            for each in found:
                self.put(name(each))
        elif found:
            self.put_table(heads, [row(each) for each in found])
        elif nothing:
            self.say(nothing)

    def put_json(self, said: Any) -> None:
        """Give an object of the service as result."""
        click.echo(json.dumps(said, indent=2))

    def _lost(self, error: InfraError, seconds: float) -> None:
        # The client is made before it is known who wants to be told.
        self.lost(error, seconds)


pass_context = click.make_pass_decorator(Context)
