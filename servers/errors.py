"""What can go wrong with a server of our own."""


class ServerError(Exception):
    """A server cannot be had; the message says why, and what to do."""
