"""Calls from elsewhere that have stacks changed: alerts, chats, other services. No HTTP."""
