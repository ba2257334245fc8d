"""What can go wrong with a pool."""


class PoolError(Exception):
    """A pool is not as it should be; the message is for people."""
