"""What goes wrong with a server, in words for people who do not know PostgreSQL."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

OPERATOR = 'Tell the operator.'
# What it says to those who cannot connect: then there is no code, and the words are all there is.
CONNECTING = (
    (
        'password authentication failed|no password supplied',
        f'the server does not let this service in: its user or password is another one. {OPERATOR}',
    ),
    (
        'failed to resolve host|could not translate host',
        f'there is no host of its name. {OPERATOR}',
    ),
    ('Connection refused|No route to host|timeout|Network is unreachable', 'it does not answer.'),
    (
        'no encryption|requires? SSL|SSL required',
        f'the server wants TLS: DATABASE_SERVER with ?sslmode=require. {OPERATOR}',
    ),
    (
        'does not support SSL',
        f'the server has no TLS, which DATABASE_SERVER asks for (sslmode). {OPERATOR}',
    ),
    ('certificate', f'the server has another certificate than it should have. {OPERATOR}'),
    ('pg_hba.conf', f'the server takes nobody from here under that name. {OPERATOR}'),
    ('not permitted to log in', f'the user of this service may not log in there. {OPERATOR}'),
    ('User does not have CONNECT', f'this service may not enter a database there. {OPERATOR}'),
    ('too many|remaining connection slots', 'as many are connected to it as may be. Try again.'),
    ('does not exist', f'the server has no such user or database. {OPERATOR}'),
)
# What passes: it is being started, or has just been ended.
PASSING = re.compile(
    'Connection refused|starting up|shutting down|not yet accepting|recovery mode'
    '|closed the connection|terminating connection|Connection reset'
)
RESTARTED = 'the server was restarted meanwhile. Do it again.'
# By the codes of PostgreSQL's manual, appendix A.
BY_CODE = {
    '42501': 'the user of this service has not the right to do so. It needs CREATEDB and '
    f'CREATEROLE. {OPERATOR}',
    '42P04': 'there is one of this name already. Choose another name.',
    '42710': 'there is one of this name already. Choose another name.',
    '53100': f'the disk of the server is full. {OPERATOR}',
    '53200': f'the server has no memory left. {OPERATOR}',
    '53300': 'as many are connected to it as may be. Try again.',
    '55006': 'somebody uses it. Try again.',
    '55P03': 'somebody works on it, and has it locked. Try again.',
    '57014': 'it took too long. Try again.',
    '25006': f'the server can only be read: it is a copy of another one. {OPERATOR}',
    '57P01': RESTARTED,
    '57P02': RESTARTED,
    '57P03': RESTARTED,
}
# With the server's own words, where these say more than ours.
WITH_DETAIL = ('42501', '53100')


class DatabaseError(Exception):
    """The server did not do what was asked for; the message is for people."""


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Have the body's errors of the server say what could not be done, and why.

    Raises DatabaseError.
    """
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise DatabaseError(f'{what}: {reason(error)}') from None


def reason(error: 'psycopg.Error') -> str:
    """Return why, without any part of a command, which may have secrets in it."""
    said = error.diag.message_primary
    if words := BY_CODE.get(error.sqlstate or ''):
        return f'{words} (The server: {said}.)' if error.sqlstate in WITH_DETAIL else words
    if said:
        return f'the server says: {said}.'
    text = str(error)
    for pattern, words in CONNECTING:
        if re.search(pattern, text):
            return f'the database server cannot be used: {words}'
    return RESTARTED if PASSING.search(text) else 'the connection to the server has failed.'


def is_passing(error: 'psycopg.OperationalError') -> bool:
    """Tell whether it is worth to try again at once."""
    return bool(PASSING.search(str(error)))
