"""All kinds of chats, by the names that rules have for them."""

from __future__ import annotations

from triggers.chat import mattermost, slack
from triggers.chat.said import Chat

CHATS: dict[str, Chat] = {'slack': slack.CHAT, 'mattermost': mattermost.CHAT}
