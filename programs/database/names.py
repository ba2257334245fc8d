"""What databases and users can be called."""

import re

import pulumi

NAME = re.compile('[a-z_][a-z0-9_]*')
# PostgreSQL cuts what is longer, and says nothing.
LONGEST = 63
TAKEN = ('postgres', 'template0', 'template1', 'public', 'none')


def check(database: str, owner: str, reader: str) -> None:
    """Raise pulumi.RunError where a name cannot be."""
    for what, name in (('name', database), ('owner', owner), *_given('reader', reader)):
        is_possible = NAME.fullmatch(name) and len(name) <= LONGEST
        if not is_possible or name in TAKEN or name.startswith('pg_'):
            raise pulumi.RunError(
                f'{what} cannot be {name!r}: it begins with a lower-case letter or _, has letters, '
                f"digits and _, at most {LONGEST} in all, and is none of PostgreSQL's own names."
            )
    if reader == owner:
        raise pulumi.RunError(f'The reader cannot be the owner, {owner}: name another one.')


def _given(what: str, name: str) -> list[tuple[str, str]]:
    return [(what, name)] if name else []
