"""The tokens that callers are known by, each as its SHA-256 in a file that is read when it changes.

`python -m web.tokens NAME ROLE [PROGRAM ...]` makes a token: its line for the file goes to stdout,
the token itself to stderr. It is stored nowhere, so this is the only time that it is shown.
"""

from __future__ import annotations

import argparse
import hmac
import re
import secrets
import sys
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from settings import NAME, Settings, SettingsError
from watched import Watched
from web.identity import ROLES, Caller

DIGEST = re.compile('[0-9a-f]{64}')
TOKEN_BYTES = 32

LOCAL = Caller('local', 'operator')
OPERATOR = Caller('operator', 'operator')


class Entry(NamedTuple):
    """A caller, and the SHA-256 of their token."""

    digest: str
    caller: Caller


class Tokens:
    """Tells the caller by the token; see API_TOKEN and API_TOKENS_FILE.

    Raises SettingsError when the file cannot be used from the start.
    """

    def __init__(self, settings: Settings) -> None:
        self.are_needed = settings.needs_token
        self._operator = _sole(settings.api_token)
        file = settings.api_tokens_file
        self._watched = Watched(Path(file), _read) if file else None

    def caller(self, token: str) -> Caller | None:
        """Return who has this token, if anybody; where none is needed everybody is an operator."""
        if not self.are_needed:
            return LOCAL
        given = digest(token)
        return self.caller_where(lambda known: hmac.compare_digest(known, given))

    def named(self, name: str) -> Caller | None:
        """Return who somebody of this name is, if a token is theirs."""
        if not self.are_needed:
            return LOCAL if name == LOCAL.name else None
        known = (each.caller for each in [*self._operator, *self._renewed()])
        return next((each for each in known if each.name == name), None)

    def caller_where(self, is_theirs: Callable[[str], bool]) -> Caller | None:
        """Return whose token it is, if anybody's.

        is_theirs: tells by the digest of a token, in constant time.
        """
        found = None
        # All of them, so that the time taken tells nothing of a token.
        for each in [*self._operator, *self._renewed()]:
            if is_theirs(each.digest):
                found = each.caller
        return found

    def _renewed(self) -> Sequence[Entry]:
        """Return what the file says; what it said before, when that cannot be used."""
        return self._watched.content() if self._watched else []


def parse(lines: Iterable[str]) -> list[Entry]:
    """Return the entries of a file of tokens.

    Raises ValueError, which says what is wrong with which line.
    """
    entries: list[Entry] = []
    for number, line in enumerate(lines, 1):
        if words := line.partition('#')[0].split():
            try:
                entries.append(_entry(words, entries))
            except ValueError as error:
                raise ValueError(f'line {number}: {error}') from error
    return entries


def digest(token: str) -> str:
    """Return the SHA-256 of a token, as the file has it."""
    return sha256(token.encode()).hexdigest()


def _entry(words: Sequence[str], earlier: Sequence[Entry]) -> Entry:
    if len(words) not in (3, 4):
        raise ValueError('it must be NAME ROLE SHA256 and, with commas, the programs if not all.')
    name, role, hashed = words[:3]
    programs = frozenset(words[3].split(',')) if words[3:] else None
    for each in (name, *(programs or ())):
        if not NAME.fullmatch(each):
            raise ValueError(f'{each!r} is no name: lower-case letters, digits and dashes.')
    if role not in ROLES:
        raise ValueError(f'{role!r} is no role: {", ".join(ROLES)}.')
    if not DIGEST.fullmatch(hashed):
        raise ValueError('the SHA-256 must be 64 hexadecimal digits in lower case.')
    if hashed == digest(''):
        raise ValueError('the SHA-256 is that of no token at all.')
    if any(name == each.caller.name or hashed == each.digest for each in earlier):
        raise ValueError(f'{name}, or the token, has a line already.')
    return Entry(hashed, Caller(name, role, programs))


def _sole(token: str) -> list[Entry]:
    return [Entry(digest(token), OPERATOR)] if token else []


def _read(file: Path) -> list[Entry]:
    try:
        return parse(file.read_text('utf-8').splitlines())
    except UnicodeDecodeError as error:
        raise SettingsError(f'API_TOKENS_FILE={file} is not UTF-8.') from error
    except OSError as error:
        raise SettingsError(f'API_TOKENS_FILE={file} cannot be read: {error}.') from error
    except ValueError as error:
        raise SettingsError(f'API_TOKENS_FILE={file}, {error}') from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a new token and its line for the file; return the exit code."""
    parser = argparse.ArgumentParser('python -m web.tokens', description='Make a token.')
    parser.add_argument('name', help='of whoever gets it, as the log will have it')
    parser.add_argument('role', choices=ROLES)
    parser.add_argument('programs', nargs='*', help='which it is limited to')
    given = parser.parse_args(arguments)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    line = f'{given.name} {given.role} {digest(token)} {",".join(given.programs)}'.rstrip()
    try:
        parse([line])
    except ValueError as error:
        parser.error(str(error))
    print(line)
    print(token, file=sys.stderr)
    return 0


if __name__ == '__main__':
    sys.exit(main())
