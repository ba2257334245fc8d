"""How far a run is, on stderr: one line that is redrawn, or lines for a file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping

import click

from infra import durations
from infra.cli import table, text, words
from infra.errors import InfraError
from infra.records import Resource, Run

# Seconds of silence after which lines say that it goes on: CI ends what says nothing.
SILENCE = 30.0
ERASE = '\r\x1b[K'


class Progress:
    """Tells nothing: for those who want quiet."""

    def begin(self, run: Run) -> None:
        """A run is waited for from now on."""

    def take(self, run: Run) -> None:
        """This is how it is."""

    def note(self, step: str, told: str) -> None:
        """Something else is at this step, and that is what there is to tell of it."""

    def lost(self, error: InfraError, seconds: float) -> None:
        """The service does not answer; it is asked again in some seconds."""

    def end(self) -> None:
        """It is waited for no more."""


class Lines(Progress):
    """A line for each resource that something happened to."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: set[tuple[str, str]] = set()
        self._begun = self._spoken = clock()
        self._step = ''

    def begin(self, run: Run) -> None:
        self._say(f'{words.doing(run)} ({run.id})')

    def take(self, run: Run) -> None:
        # What a preview finds is in the table that comes of it.
        happening = run.resources if run.operation != 'preview' else ()
        for each in filter(words.is_change, happening):
            if each.state != 'running' and (each.type, each.name) not in self._told:
                self._told.add((each.type, each.name))
                self._say(f'  {_resource(each)}')
        if self._clock() - self._spoken >= SILENCE and not run.has_ended:
            self._say(f'  still {run.state}, {durations.text(self._clock() - self._begun)}')

    def note(self, step: str, told: str) -> None:
        if step != self._step or self._clock() - self._spoken >= SILENCE:
            self._say(f'  {text.one_line(told)}')
        self._step = step

    def lost(self, error: InfraError, seconds: float) -> None:
        self._say(f'  {text.one_line(_lost(error, seconds))}')

    def _say(self, line: str) -> None:
        click.echo(line, err=True)
        self._spoken = self._clock()


class Redrawn(Progress):
    """One line of a terminal, drawn again and again, and gone at the end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = clock()

    def take(self, run: Run) -> None:
        done = sum(each.state == 'done' for each in run.resources)
        counted = f'{done} resource{"" if done == 1 else "s"} done'
        state = 'it waits for its turn' if run.state == 'queued' else counted
        took = durations.text(self._clock() - self._begun)
        self._draw(f'{words.doing(run)}: {state}, {took}')

    def note(self, step: str, told: str) -> None:
        self._draw(f'{told}, {durations.text(self._clock() - self._begun)}')

    def lost(self, error: InfraError, seconds: float) -> None:
        self._draw(_lost(error, seconds))

    def end(self) -> None:
        click.echo(ERASE, nl=False, err=True, color=True)

    def _draw(self, line: str) -> None:
        room = (table.columns_of(sys.stderr) or 80) - 1
        shown = text.cut(text.one_line(line), room)
        click.echo(ERASE + shown, nl=False, err=True, color=True)


def choose(quiet: bool, environ: Mapping[str, str] = os.environ) -> Progress:
    """Return what fits where stderr goes to."""
    if quiet:
        return Progress()
    plain = environ.get('CI') or environ.get('NO_COLOR') or environ.get('TERM') == 'dumb'
    return Lines() if plain or not table.is_terminal(sys.stderr) else Redrawn()


def _resource(each: Resource) -> str:
    took = '' if each.seconds is None else f'  {each.seconds:.1f} s'
    symbol, word = words.marked(each.operation)
    return f'{symbol} {word}  {text.one_line(each.name)}  {each.state}{took}'


def _lost(error: InfraError, seconds: float) -> str:
    return f'No answer now, trying again in {seconds:.0f} s; the run goes on. {error}'
