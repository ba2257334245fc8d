"""Types that the caller decides, and the forms that their values have."""

from __future__ import annotations

import re

from migrations.errors import MigrationError

FORMS = {
    'smallint': 'integer',
    'integer': 'integer',
    'bigint': 'integer',
    'boolean': 'boolean',
    'double precision': 'real',
    'numeric': 'numeric',
    'text': 'any text',
    'bytea': 'any bytes',
    'date': 'date',
    'time': 'time',
    'timestamp': 'timestamp',
    'timestamp with time zone': 'zoned',
    'interval': 'interval',
    'uuid': 'uuid',
    'json': 'text',
}


def overridden(wished: str, form: str) -> tuple[str, str]:
    """Return the type and the form of its values; form: what they have without the wish.

    Raises MigrationError when it is none of those that can be wished for.
    """
    words = ' '.join(wished.lower().split())
    if sized := re.fullmatch(r'numeric ?\( ?(\d{1,3}) ?, ?(\d{1,3}) ?\)', words):
        return f'numeric({sized[1]},{sized[2]})', f'numeric:{int(sized[2])}'
    if re.fullmatch(r'varchar ?\( ?\d{1,8} ?\)', words):
        return words.replace(' ', ''), 'any text'
    if words not in FORMS:
        known = ', '.join([*FORMS, 'numeric(p,s)', 'varchar(n)'])
        raise MigrationError(f'{wished!r} is no type that can be chosen: {known}.')
    return words, form if form == 'verbatim' and 'int' in words else FORMS[words]
