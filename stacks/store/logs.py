"""Logs of runs in the database, in parts that are only ever added to."""

from __future__ import annotations

import sqlalchemy as sa

from stacks.store.tables import log_parts


def append(connection: sa.Connection, run_id: str, offset: int, text: str) -> int:
    """Add text behind the bytes that are there; return where it ends.

    An earlier attempt may have added some, and its commit was never heard of: this one counts.
    """
    behind = log_parts.c.run_id == run_id, log_parts.c.offset >= offset
    connection.execute(log_parts.delete().where(*behind))
    connection.execute(log_parts.insert().values(run_id=run_id, offset=offset, text=text))
    return offset + len(text.encode())


def read(connection: sa.Connection, run_id: str, offset: int, limit: int) -> bytes:
    """Return at most `limit` bytes of a log from an offset on."""
    first = (
        sa.select(sa.func.max(log_parts.c.offset))
        .where(log_parts.c.run_id == run_id, log_parts.c.offset <= offset)
        .scalar_subquery()
    )
    query = (
        sa.select(log_parts.c.offset, log_parts.c.text)
        .where(
            log_parts.c.run_id == run_id,
            log_parts.c.offset >= first,
            log_parts.c.offset < offset + limit,
        )
        .order_by(log_parts.c.offset)
    )
    parts = list(connection.execute(query))
    if not parts:
        return b''
    found = b''.join(part.text.encode() for part in parts)
    start = offset - parts[0].offset
    return found[start : start + limit]


def whole_lines(data: bytes, is_last: bool) -> tuple[str, int]:
    """Return the text of some bytes of a log, up to the end of a line, or at least of a letter.

    Beside it, how many bytes it is behind: of a letter that began before them, none is shown.

    is_last: whether these are the last bytes that there are.
    """
    end = len(data) if is_last else data.rfind(b'\n') + 1 or len(data)
    start = next((at for at, byte in enumerate(data) if not _is_within_letter(byte)), len(data))
    # A letter that was cut comes whole with the next part.
    text = data[start:end].decode(errors='ignore')
    return text, start + len(text.encode())


def _is_within_letter(byte: int) -> bool:
    return byte & 0b1100_0000 == 0b1000_0000
