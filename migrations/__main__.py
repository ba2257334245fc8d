"""`python -m migrations`: plan, run, resume, verify and abandon a migration.

URLs are read from the variables SOURCE_URL and TARGET_URL, or from the files that SOURCE_URL_FILE
and TARGET_URL_FILE name; never from arguments, which others can see.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from migrations import planning, running, telling, verifying
from migrations.errors import MigrationError
from migrations.places import Place, Reach, parse
from migrations.planning import Ends
from migrations.plans import Plan
from migrations.running import Caller, Result
from migrations.sources import Wishes


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.do(chosen, _ends(chosen, os.environ)))
    except MigrationError as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        return error.exit_code


def _plan(chosen: argparse.Namespace, ends: Ends) -> int:
    made = _planned(chosen, ends)
    if chosen.json:
        print(json.dumps(made.as_data(), indent=2))
    else:
        print(telling.plan(made))
    return 0


def _run(chosen: argparse.Namespace, ends: Ends) -> int:
    if chosen.plan:
        made = Plan.of_data(json.loads(chosen.plan.read_text()))
    else:
        made = _planned(chosen, ends)
    migration = chosen.id or running.new_id()
    print(f'migration {migration}', flush=True)
    allowance = chosen.allow_rejects or 0
    return _told(chosen, running.run(ends, made, migration, _caller(chosen), allowance))


def _resume(chosen: argparse.Namespace, ends: Ends) -> int:
    result = running.resume(ends, chosen.id, _caller(chosen), chosen.allow_rejects)
    return _told(chosen, result)


def _verify(chosen: argparse.Namespace, ends: Ends) -> int:
    made = (
        Plan.of_data(json.loads(chosen.plan.read_text())) if chosen.plan else _planned(chosen, ends)
    )
    verifying.verify(ends, made)
    print('All tables are alike.')
    return 0


def _abandon(chosen: argparse.Namespace, ends: Ends) -> int:
    running.abandon(ends, chosen.id)
    print(f'Nothing is left of migration {chosen.id}.')
    return 0


def _told(chosen: argparse.Namespace, result: Result) -> int:
    if result.rejects:
        running.write_rejects(chosen.rejects, result.rejects)
        print(f'{len(result.rejects)} rows were left out: {chosen.rejects}')
    if result.backup:
        print(f'What was replaced is in the schema {result.backup}')
    print(f'{result.rows} rows')
    return 0


def _planned(chosen: argparse.Namespace, ends: Ends) -> Plan:
    types = tuple(tuple(each.partition('=')[::2]) for each in chosen.type)
    wishes = Wishes(tuple(chosen.table), chosen.source_schema, types, chosen.zero_dates_are_null)
    return planning.plan(ends, wishes, chosen.schema, chosen.replace)


def _caller(chosen: argparse.Namespace) -> Caller:
    stopped = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopped.set())
    log = telling.Log(sys.stderr)
    found = Caller(log.line, log.progress, stopped.is_set)
    return replace(
        found,
        workers=chosen.workers or found.workers,
        chunk_rows=chosen.chunk_rows or found.chunk_rows,
    )


def _ends(chosen: argparse.Namespace, environ: Mapping[str, str]) -> Ends:
    reach = Reach.of(chosen.allow_host, chosen.allow_folder)
    source, target = _place('SOURCE_URL', environ), _place('TARGET_URL', environ)
    return Ends(source, target, reach, chosen.work)


def _place(variable: str, environ: Mapping[str, str]) -> Place:
    if file := environ.get(f'{variable}_FILE'):
        try:
            return parse(Path(file).read_text().strip())
        except OSError as error:
            raise MigrationError(f'{variable}_FILE: {error.strerror}: {file}') from None
    if url := environ.get(variable):
        return parse(url)
    raise MigrationError(f'Set {variable} or {variable}_FILE.')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m migrations', description=__doc__)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    plan = _command(commands, 'plan', _plan, 'say what would be done; nothing is changed')
    plan.add_argument('--json', action='store_true', help='as data, for --plan')
    run = _command(commands, 'run', _run, 'plan, copy, verify, swap')
    resume = _command(commands, 'resume', _resume, 'go on with one that was interrupted')
    verify = _command(commands, 'verify', _verify, 'compare the tables of both sides')
    abandon = _command(commands, 'abandon', _abandon, 'remove what one has left behind')
    for each in (plan, run, verify):
        _add_wishes(each)
    for each in (run, verify):
        each.add_argument('--plan', type=Path, help='a plan that `plan --json` has written')
    run.add_argument('--id', help='by which it can be resumed; else one is made up')
    for each in (resume, abandon):
        each.add_argument('id')
    for each in (run, resume):
        each.add_argument('--workers', type=int, help='processes; as many as there are cores')
        each.add_argument('--chunk-rows', type=int, metavar='N', help='rows between checkpoints')
        each.add_argument(
            '--allow-rejects', type=int, metavar='N', help='rows that may be left out'
        )
        each.add_argument(
            '--rejects', type=Path, default='rejects.jsonl', help='file that names them'
        )
    return parser


def _command(commands: Any, name: str, do: Any, text: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    found.set_defaults(do=do)
    found.add_argument('--allow-host', action='append', default=[], metavar='HOST[:PORT]')
    found.add_argument('--allow-folder', action='append', default=[], metavar='FOLDER')
    found.add_argument(
        '--work', type=Path, default=tempfile.gettempdir(), help='folder for copies of SQLite files'
    )
    return found


def _add_wishes(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add('--table', action='append', default=[], metavar='NAME', help='only these; else all')
    add('--source-schema', default='public', metavar='NAME', help='of a PostgreSQL source')
    add('--schema', default='public', metavar='NAME', help='of the target')
    add('--type', action='append', default=[], metavar='TABLE.COLUMN=TYPE', help='chosen by you')
    add('--replace', action='store_true', help='move tables of these names into a backup schema')
    add('--zero-dates-are-null', action='store_true', help="MySQL's 0000-00-00")


if __name__ == '__main__':
    sys.exit(main())
