"""The versions of the tables, and the way from one to the next."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

FOLDER = Path(__file__).parent
# Where the database says which version its tables are of.
VERSION_TABLE = 'platform_version'
NEWEST = max(file.name.partition('_')[0] for file in FOLDER.glob('versions/[0-9]*.py'))


class UnknownVersionError(Exception):
    """The tables are of a version that is not among ours."""


def is_current(connection: sa.Connection) -> bool:
    """Whether the tables are of the newest version."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return False
    version = connection.execute(sa.text(f'SELECT version_num FROM {VERSION_TABLE}')).scalar()
    return version == NEWEST


def upgrade(connection: sa.Connection) -> None:
    """Make the tables those of the newest version.

    Raises UnknownVersionError.
    """
    # Here, since hardly any start of a service needs it, and it takes a tenth of one to import.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option('script_location', str(FOLDER).replace('%', '%%'))
    config.attributes['connection'] = connection
    try:
        command.upgrade(config, 'head')
    except CommandError as error:
        raise UnknownVersionError(str(error)) from error
