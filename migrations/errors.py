"""What can go wrong with a migration, each with the exit code of the command.

MigrationError
 ├ NotAllowedError        a host or folder that the caller does not allow
 ├ ConnectError           nothing answers there
 │  ├ LoginError          it answers, and does not let this user in
 │  ├ TlsError            the two sides do not agree on encryption
 │  └ NoDatabaseError     there is no such database or file
 ├ PrivilegeError         a right is missing
 ├ UnfitError             the plan says that something cannot be carried over
 ├ ExistsError            the name is taken in the target
 ├ RejectsError           more values do not fit than were allowed for
 ├ MismatchError          the copy is not what was read
 ├ SpaceError             a disk is full
 ├ BusyError              somebody else holds the migration, or a lock
 ├ UnknownError           there is no migration of that id
 ├ ChangedError           the tables of the source are not those of the plan
 ├ LostError              a connection or process was lost: resume
 ├ CancelledError         the caller wanted no more
 └ DataError              the database refuses what it was given
"""

from __future__ import annotations


class MigrationError(Exception):
    """A migration cannot go on; the message says why and what to do."""

    exit_code = 1


class NotAllowedError(MigrationError):
    """A host or folder is not among those that the caller allows."""

    exit_code = 3


class ConnectError(MigrationError):
    """Nothing answers at this address."""

    exit_code = 4


class LoginError(ConnectError):
    """The server does not let this user in."""

    exit_code = 5


class TlsError(ConnectError):
    """The two sides do not agree on encryption."""

    exit_code = 6


class NoDatabaseError(ConnectError):
    """There is no such database or file."""

    exit_code = 7


class PrivilegeError(MigrationError):
    """The user has not the right to do this."""

    exit_code = 8


class UnfitError(MigrationError):
    """The plan names what cannot be carried over."""

    exit_code = 9


class ExistsError(MigrationError):
    """The target has something of that name."""

    exit_code = 10


class RejectsError(MigrationError):
    """More values do not fit than were allowed for."""

    exit_code = 11


class MismatchError(MigrationError):
    """The copy is not what was read; tables names those that differ."""

    exit_code = 12

    def __init__(self, message: str, tables: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.tables = tables


class SpaceError(MigrationError):
    """A disk is full."""

    exit_code = 13


class BusyError(MigrationError):
    """Somebody else holds the migration, or a lock that it needs."""

    exit_code = 14


class UnknownError(MigrationError):
    """There is no migration of that id to go on with."""

    exit_code = 15


class ChangedError(MigrationError):
    """The tables of the source are not those of the plan."""

    exit_code = 16


class LostError(MigrationError):
    """A connection or process was lost; what is done is kept."""

    exit_code = 17


class DataError(MigrationError):
    """A database refuses what it was given."""

    exit_code = 18


class CancelledError(MigrationError):
    """The caller wanted no more; what is done is kept."""

    exit_code = 19


BY_NAME: dict[str, type[MigrationError]] = {
    each.__name__: each
    for each in (
        *(MigrationError, NotAllowedError, ConnectError, LoginError, TlsError, NoDatabaseError),
        *(PrivilegeError, UnfitError, ExistsError, RejectsError, MismatchError, SpaceError),
        *(BusyError, UnknownError, ChangedError, LostError, DataError, CancelledError),
    )
}
