"""Runs: lists of them, and one with its log, its resources and what can be done with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import falcon

from portal import paths, rendering, words
from portal.pages import asking, listing
from portal.pages.showing import input_changes, outputs
from portal.views import InputChange, Progress, Row, RunPage, RunsPage
from stacks import permissions
from stacks.errors import NotFoundError
from stacks.platform import Platform
from stacks.records import (
    DESTROY,
    PREVIEW,
    REFRESH,
    RUN_STATES,
    SUCCEEDED,
    UPDATE,
    Caller,
    LogPart,
    Run,
    Stack,
)
from stacks.requests import RunFilter

# Bytes of a log on a page, and in an answer to its script.
LOG_ON_PAGE, LOG_PART = 10 * 1024, 32 * 1024
# More than any log has.
WHOLE_LOG = 2 * 1024 * 1024
MOST_DIFFERENCES = 8
# Characters of all rows of a page, about.
ROOM_FOR_ROWS = 8000
ROW = 260
VERBS = {
    'replace': ('to replace', 'replaced'),
    'delete': ('to delete', 'deleted'),
    'update': ('to change', 'changed'),
    'create': ('to create', 'created'),
}
UNCHANGED = ('same', 'read', 'refresh')


class Runs:
    """The runs of all stacks."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._list(req, resp, '')

    def on_get_stack(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        # A stack that is not there is no stack without runs.
        self._list(req, resp, self._platform.stack(asking.caller(req), name).name)

    on_head = on_get
    on_head_stack = on_get_stack

    def _list(self, req: falcon.Request, resp: falcon.Response, stack: str) -> None:
        state = asking.query(req, 'state')
        state = state if state in RUN_STATES else ''
        where = RunFilter(stack=stack or None, state=state or None, is_kept=bool(stack))
        cursor = asking.query(req, 'cursor') or None
        found = self._platform.runs(asking.caller(req), where, asking.LIMIT, cursor, is_brief=True)
        chosen = {'state': state} if state else {}
        view = RunsPage(
            runs=found.items,
            stack=stack,
            where=chosen,
            states=listing.options(RUN_STATES, words.RUN_STATES, state),
            next=listing.following(chosen, found.next),
            first=listing.first(chosen, cursor),
        )
        rendering.render(req, resp, 'runs/list.html', view)


class OneRun:
    """A run."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        caller = asking.caller(req)
        offset = asking.offset(req, 'log')
        run, log = self._platform.watch(caller, id, offset, LOG_ON_PAGE)
        stack = self._stack(caller, run)
        progress = _progress(run, log)
        outdated = self._outdated(caller, run) if stack else 'The stack is gone.'
        is_mine = stack is not None and permissions.may_change(caller, stack.owner)
        view = RunPage(
            progress=progress,
            stack=stack,
            outputs=outputs(stack) if stack and _has_outputs(run) else [],
            input_changes=self._input_changes(caller, run, stack) if stack else [],
            may_change=is_mine,
            may_decide=is_mine and run.operation == PREVIEW and run.state == SUCCEEDED,
            outdated=outdated,
            before=paths.run(id) if offset else '',
            after=f'{paths.run(id)}?log={progress.log.next}#log',
        )
        rendering.render(req, resp, 'runs/run.html', view)

    on_head = on_get

    def on_get_live(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """What has changed since the page was made, for its script."""
        caller = asking.caller(req)
        run, log = self._platform.watch(caller, id, asking.offset(req, 'log'), LOG_PART)
        rendering.render(req, resp, 'runs/live.html', _progress(run, log))

    def on_get_log(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """The whole log, as a file."""
        caller = asking.caller(req)
        part = self._platform.log(caller, id, 0, WHOLE_LOG)
        resp.content_type = falcon.MEDIA_TEXT
        resp.downloadable_as = f'{id}.log'
        resp.text = part.text

    def on_post_cancel(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        asking.form(req)
        self._platform.cancel(asking.caller(req), id)
        rendering.lead_to(resp, paths.run(id))

    def _stack(self, caller: Caller, run: Run) -> Stack | None:
        """Return the stack of a run; None where it is gone, or is another one of the same name."""
        try:
            stack = self._platform.stack(caller, run.stack)
        except NotFoundError:
            return None
        return stack if run.created_at >= stack.created_at else None

    def _input_changes(self, caller: Caller, run: Run, stack: Stack) -> list[InputChange]:
        """Return what a preview would change in the inputs, or an update has changed."""
        if run.operation == PREVIEW:
            return input_changes(stack.inputs, run)
        if run.operation != UPDATE:
            return []
        where = RunFilter(run.stack, UPDATE, is_kept=True)
        updates = self._platform.runs(caller, where, asking.LIMIT, None, is_brief=True).items
        earlier = next((each for each in updates if each.created_at < run.created_at), None)
        return input_changes(self._platform.run(caller, earlier.id).inputs, run) if earlier else []

    def _outdated(self, caller: Caller, run: Run) -> str:
        """Return why an update cannot be decided by this preview any more."""
        if run.operation != PREVIEW:
            return ''
        where = RunFilter(run.stack, is_kept=True)
        later = self._platform.runs(caller, where, 20, None, is_brief=True).items
        for each in later:
            if each.id == run.id:
                return ''
            if each.operation in (UPDATE, DESTROY) or (each.operation == REFRESH and each.accept):
                return 'The stack has had another run since this preview. Make a new one.'
        return 'The stack has had many runs since this preview. Make a new one.'


def _progress(run: Run, log: LogPart) -> Progress:
    changed = [each for each in run.resources if each['operation'] not in UNCHANGED]
    rows = _fitting(sorted(changed, key=_danger))
    return Progress(
        run=run,
        rows=rows,
        left_out=len(changed) - len(rows),
        same=len(run.resources) - len(changed),
        sentence=_sentence(run),
        log=log,
    )


def _has_outputs(run: Run) -> bool:
    return run.operation == UPDATE and run.state == SUCCEEDED


def _danger(resource: Mapping[str, Any]) -> tuple[bool, int]:
    operation = resource['operation']
    known = words.DANGER.index(operation) if operation in words.DANGER else len(words.DANGER)
    return resource['state'] != 'failed', known


def _fitting(resources: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return as many rows as a page has room for."""
    rows: list[Row] = []
    room = ROOM_FOR_ROWS
    for each in resources:
        differences = each['differences'][:MOST_DIFFERENCES]
        room -= ROW + sum(_size(difference) for difference in differences)
        if room < 0 and rows:
            break
        rows.append(Row(each, differences, len(each['differences']) - len(differences)))
    return rows


def _size(difference: Mapping[str, Any]) -> int:
    texts = (rendering.short(difference[side]) for side in ('old', 'new'))
    return 120 + len(difference['path']) + sum(map(len, texts))


def _sentence(run: Run) -> list[tuple[str, str]]:
    """Return how many resources there are of each kind, the most dangerous first: (tint, words)."""
    ended = Counter(
        (each['state'], each['operation']) for each in run.resources if each['state'] != 'running'
    )
    failed = sum(count for (state, _), count in ended.items() if state == 'failed')
    found = [('bad', f'{failed} failed')] if failed else []
    for operation, (wanted, done) in VERBS.items():
        # Of a very large stack, not all resources are known one by one.
        is_whole = run.state == SUCCEEDED
        count = run.changes.get(operation, 0) if is_whole else ended['done', operation]
        if count:
            said = f'{count} {wanted if run.operation == PREVIEW else done}'
            found.append((words.STEPS[operation][2], said))
    return found
