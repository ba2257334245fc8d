"""A pool of worker processes, as a resource over gunicorn."""

from pools.pool import Pool

__all__ = ['Pool']
