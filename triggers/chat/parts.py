"""A message before it is one of Slack or of Mattermost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Buttons:
    """Two buttons: one that agrees, with its words, and one that does not."""

    nonce: str
    words: str
    is_dangerous: bool


@dataclass(frozen=True)
class Message:
    """What is told. text: with nothing in it that could mean something else.

    for_all: whether the whole channel sees it. replaces: whether it takes the place of another.
    """

    text: str
    buttons: Buttons | None = None
    for_all: bool = False
    replaces: bool = False


def escaped(text: str) -> str:
    """Return a text that names nobody, leads nowhere, and is no markup."""
    found = text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
    # What is between backticks is no markup; a name that is told apart is nobody's.
    return found.replace('@', '@\u200b').replace('`', "'")


def quoted(text: str) -> str:
    """Return a text as it stands, in a message that may have markup."""
    return f'`{escaped(text)}`'
