"""Which databases migrations may use: those of the settings, and those of the platform's stacks."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from migrations import planning
from migrations.errors import ChangedError, MigrationError
from migrations.places import Place, Reach, parse
from migrations.planning import COPY_PREFIX, Ends
from migrations.plans import Plan
from migrations.sources.sqlite import SqliteSource
from settings import DAY, Settings

FOLDER = 'migrations'


def place(settings: Settings, url: str, is_of_stack: bool) -> Place:
    """Return what a URL names, if it may be used; raises MigrationError.

    is_of_stack: whether the platform itself knows it from a stack.
    """
    if not _is_text(url):
        raise MigrationError('It has characters that no name of a database has.')
    found = parse(url)
    if is_of_stack and found.kind == 'sqlite':
        raise MigrationError('A stack that is used has a server.')
    hosts = [*settings.hosts_of_migrations, *([_host(found)] if is_of_stack else [])]
    Reach.of(hosts, settings.folders_of_migrations).insist_on(found)
    return found


def ends(settings: Settings, source: Place, target: Place) -> Ends:
    """Return both ends of a migration, of which nothing else can be reached."""
    reach = Reach.of(map(_host, (source, target)), settings.folders_of_migrations)
    return Ends(source, target, reach, work_folder(settings))


def has_changed(settings: Settings, source: str, plan: Plan) -> bool:
    """Tell whether the tables of a SQLite file are known to be others than in a plan.

    source: its URL. Of what cannot be looked at here and at once, the run tells.
    """
    found = parse(source)
    if found.kind != 'sqlite':
        return False
    try:
        place(settings, source, is_of_stack=False)
        with closing(SqliteSource(Path(found.database), patience=0.0)) as opened:
            planning.insist_on_fingerprint(opened, plan)
    except ChangedError:
        return True
    except (MigrationError, sqlite3.Error, OSError):
        return False
    return False


def work_folder(settings: Settings) -> Path:
    """Return the folder of the copies of SQLite files, made for the owner alone."""
    folder = settings.state_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def remove_copies_but(settings: Settings, kept: Collection[str]) -> None:
    """Remove the copies of SQLite files that are of none of these migrations."""
    for file in (settings.state_dir / FOLDER).glob(f'{COPY_PREFIX}*.db*'):
        staging = file.name.removeprefix(COPY_PREFIX).partition('.')[0]
        if not any(staging_id(each) == staging for each in kept):
            file.unlink(missing_ok=True)
    for folder in (settings.state_dir / FOLDER).glob(f'{COPY_PREFIX}*/'):
        # Of a service that was killed as it made a plan; other services may be making theirs.
        if time.time() - folder.stat().st_mtime > DAY:
            shutil.rmtree(folder, ignore_errors=True)


def staging_id(migration: str) -> str:
    """Return the id by which the target knows a migration, the same in each of its runs."""
    return migration.rpartition('_')[2]


def _is_text(url: str) -> bool:
    """Tell whether a URL, and what is percent-encoded in it, can be passed on and stored."""
    try:
        url.encode()
    except UnicodeEncodeError:
        return False
    return '\0' not in unquote(url)


def _host(found: Place) -> str:
    return f'{found.host}:{found.port}'
