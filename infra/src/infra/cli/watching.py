"""Waiting for a run at a terminal or in a pipeline, and what Ctrl-C means meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from infra.cli import codes, progress, words
from infra.cli.context import Context
from infra.cli.failures import Ended
from infra.errors import InfraError, WaitTimeoutError
from infra.records import Run

Awaited = TypeVar('Awaited')

# Seconds after a Ctrl-C in which another one asks to cancel the run.
TWICE = 2.0


def begun(name: str, order: Callable[[], Run]) -> Run:
    """Return the run that an order begins.

    Raises Ended at Ctrl-C, when nobody knows its id yet.
    """
    try:
        return order()
    except KeyboardInterrupt:
        told = f'\nInterrupted. Whether a run was begun: infra history {name}'
        raise Ended(codes.INTERRUPTED, told) from None


def ended(context: Context, run: Run, timeout: int | None) -> Run:
    """Return a run as it is when it has ended, however it did.

    Raises WaitTimeoutError, Ended at Ctrl-C; the run goes on.
    """
    shown = progress.choose(context.is_silent)
    context.lost = shown.lost

    def wait() -> Run:
        try:
            shown.begin(run)
            return context.client.wait(run.id, timeout, shown.take)
        except WaitTimeoutError:
            raise
        except InfraError:
            context.say(f'It is not known how the run has ended: infra wait {run.id}')
            raise
        finally:
            shown.end()

    return interruptible(context, run.id, wait)


def interruptible(context: Context, run: str, wait: Callable[[], Awaited]) -> Awaited:
    """Return what a wait for a run returns.

    Raises Ended at Ctrl-C; a second one soon afterwards asks the service to cancel the run.
    """
    try:
        return wait()
    except KeyboardInterrupt:
        _interrupted(context, run)
        raise Ended(codes.INTERRUPTED) from None


def succeeded(context: Context, run: Run) -> Run:
    """Return a run that has ended, when it has succeeded.

    Raises Ended, which says what went wrong.
    """
    if run.has_succeeded:
        return run
    if context.as_json:
        context.put_json(run.json)
        raise Ended(codes.RUN_FAILED)
    raise Ended(codes.RUN_FAILED, words.end_of(run))


def _interrupted(context: Context, run: str) -> None:
    context.warn(
        f'\nThe run goes on: infra logs -f {run}\n'
        f'Ctrl-C again within {TWICE:g} s asks the service to cancel it.'
    )
    try:
        context.around.pause(TWICE)
    except KeyboardInterrupt:
        _cancel(context, run)


def _cancel(context: Context, run: str) -> None:
    try:
        context.client.cancel(run)
    except InfraError as error:
        context.warn(f'\nIt could not be cancelled: {error}')
    else:
        context.warn(f'\nAsked to cancel it. To wait for its end: infra wait {run}')
