"""What the drivers raise, told as errors of a migration."""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pymysql

from migrations import errors
from migrations.places import Place

# Of a connection that is refused psycopg gives no code: only the server's words, in English.
REFUSED = (
    (
        'password authentication failed',
        errors.LoginError,
        'Check user and password, and that the role has not expired',
    ),
    ('no password supplied', errors.LoginError, 'Give a password in the URL'),
    ('is not permitted to log in', errors.LoginError, 'Give it LOGIN, or take another role'),
    ('too many connections', errors.LoginError, "Wait, or raise the server's or the role's limit"),
    ('too many clients', errors.LoginError, "Wait, or raise the server's limit of connections"),
    ('CONNECT privilege', errors.LoginError, 'GRANT CONNECT on the database to this role'),
    ('no encryption', errors.TlsError, 'The server wants TLS: set sslmode=require'),
    ('pg_hba.conf', errors.LoginError, 'Have pg_hba.conf of the server let this user in'),
    (
        'does not support SSL',
        errors.TlsError,
        'The server has no TLS: set it up, or sslmode=disable',
    ),
    ('certificate', errors.TlsError, 'Check sslrootcert and the host name in the certificate'),
    ('SSL error', errors.TlsError, 'Check sslmode and the certificates of both sides'),
    ('database "', errors.NoDatabaseError, 'Create the database, or correct its name'),
    ('role "', errors.LoginError, 'Create the role, or correct its name'),
    ('resolve host', errors.ConnectError, 'Correct the host name'),
    ('name or service', errors.ConnectError, 'Correct the host name'),
    ('refused', errors.ConnectError, 'Check host and port, and that the server runs'),
    ('timeout', errors.ConnectError, 'Check host and port, and any firewall between'),
)
LOST_CODES = ('57P01', '57P02', '57P03', '08000', '08001', '08003', '08004', '08006')
RETRY = 'What is done is kept: resume it.'
BY_CODE: dict[str, tuple[type[errors.MigrationError], str]] = {
    '42501': (errors.PrivilegeError, 'Grant this right to the user, or take another user.'),
    '42P07': (errors.ExistsError, 'Drop or rename it, or have it moved to a backup schema.'),
    '42710': (errors.ExistsError, 'Drop or rename it, or have it moved to a backup schema.'),
    '42P06': (errors.ExistsError, 'Take another id, or remove the schema.'),
    '53100': (errors.SpaceError, f'Make room on its disk. {RETRY}'),
    '55P03': (errors.BusyError, 'Somebody holds a lock on the table. Try again.'),
    '57014': (errors.BusyError, f'It took longer than the timeout allows. {RETRY}'),
    '25006': (errors.PrivilegeError, 'The target is read-only: take its primary server.'),
    '53300': (errors.LostError, f'The server has no connection left. {RETRY}'),
    '40001': (errors.LostError, RETRY),
    '40P01': (errors.LostError, RETRY),
    '42704': (errors.LostError, f'The snapshot has ended with its connection. {RETRY}'),
    '23505': (errors.DataError, 'Two rows have the same key in the target: correct the source.'),
    '23503': (errors.DataError, 'A row refers to one that is not there: correct the source.'),
    '54000': (errors.DataError, 'A row is larger than a page of PostgreSQL: leave out columns.'),
}
MYSQL = {
    1045: (errors.LoginError, 'Check user and password.'),
    1698: (errors.LoginError, 'Check user and password.'),
    1044: (errors.LoginError, 'Grant the user rights on this database.'),
    1040: (errors.LoginError, 'Wait, or raise max_connections.'),
    1049: (errors.NoDatabaseError, 'Correct the name of the database.'),
    1142: (errors.PrivilegeError, 'Grant SELECT to the user.'),
    1143: (errors.PrivilegeError, 'Grant SELECT on all columns to the user.'),
    1227: (errors.PrivilegeError, 'Grant this right to the user.'),
    1205: (errors.BusyError, f'Somebody holds a lock. {RETRY}'),
    1969: (errors.BusyError, f'It took longer than the timeout allows. {RETRY}'),
    3024: (errors.BusyError, f'It took longer than the timeout allows. {RETRY}'),
    1146: (errors.ChangedError, 'The table is gone: plan again.'),
    1412: (errors.ChangedError, 'The table was altered meanwhile: plan again.'),
    1054: (errors.ChangedError, 'A column is gone: plan again.'),
    2003: (errors.ConnectError, 'Check host and port, and that the server runs.'),
    2006: (errors.LostError, RETRY),
    2013: (errors.LostError, RETRY),
    2026: (errors.TlsError, 'Check sslmode and the certificates of both sides.'),
    3159: (errors.TlsError, 'The server wants TLS: set sslmode=require.'),
}
SQLITE = (
    ('unable to open', errors.NoDatabaseError, 'Check the path and who may read the file.'),
    ('not a database', errors.NoDatabaseError, 'It is no SQLite file, or an encrypted one.'),
    ('malformed', errors.DataError, 'The file is damaged: repair it with `.recover` first.'),
    ('locked', errors.BusyError, 'Somebody writes to it all the time: try again.'),
    ('full', errors.SpaceError, 'Make room in the folder of the private copy.'),
    ('disk I/O', errors.SpaceError, 'Check the disk of the private copy.'),
    ('no such', errors.ChangedError, 'The tables have changed: plan again.'),
)


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Do the body; what drivers raise in it becomes a MigrationError that names the place."""
    try:
        yield
    except psycopg.Error as error:
        raise _of_postgres(error, place) from None
    except pymysql.MySQLError as error:
        raise _of_mysql(error, place) from None
    except sqlite3.Error as error:
        raise _of_sqlite(error, place) from None
    except OSError as error:
        raise _of_system(error, place) from None


def is_data(error: psycopg.Error) -> bool:
    """Whether a value is to blame: a class of errors that taking the row out mends."""
    code = error.sqlstate or ''
    return code[:2] == '22' or code in ('23502', '23514')


def _of_postgres(error: psycopg.Error, place: Place) -> errors.MigrationError:
    code, text = error.sqlstate, place.scrubbed(_first_lines(error))
    if code in BY_CODE:
        kind, advice = BY_CODE[code]
        return kind(f'{place}: {text}. {advice}')
    if code in LOST_CODES:
        return errors.LostError(f'{place}: {text}. {RETRY}')
    if code is not None:
        return errors.DataError(f'{place}: {text} ({code}).')
    for words, refused, advice in REFUSED:
        if words in text:
            return refused(f'{place}: {text}. {advice}.')
    return errors.LostError(f'{place}: the connection was lost: {text}. {RETRY}')


def _first_lines(error: psycopg.Error) -> str:
    primary = error.diag.message_primary if error.diag else None
    if primary is None:
        return '; '.join(line.strip() for line in str(error).splitlines() if line.strip())
    where = (error.diag.context or '').partition('\n')[0]
    return '; '.join(each for each in (primary, error.diag.message_detail, where) if each)


def _of_mysql(error: pymysql.MySQLError, place: Place) -> errors.MigrationError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = place.scrubbed(str(error.args[1] if len(error.args) > 1 else error))
    kind, advice = MYSQL.get(number, (errors.DataError, f'Error {number} of the server.'))
    if number == 2003 and re.search('SSL|TLS|certificate', text):
        kind, advice = MYSQL[2026]
    if number == 0:
        kind, advice = errors.LostError, RETRY
    return kind(f'{place}: {text}. {advice}')


def _of_sqlite(error: sqlite3.Error, place: Place) -> errors.MigrationError:
    for words, kind, advice in SQLITE:
        if words in str(error):
            return kind(f'{place}: {error}. {advice}')
    return errors.DataError(f'{place}: {error}.')


def _of_system(error: OSError, place: Place) -> errors.MigrationError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return errors.SpaceError(f'{place}: {error.strerror}. Make room, then resume it.')
    return errors.ConnectError(f'{place}: {place.scrubbed(str(error))}.')
