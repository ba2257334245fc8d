"""A pool of worker processes, as a resource over gunicorn."""

from pools.claim import Claim
from pools.pool import Pool

__all__ = ['Claim', 'Pool']
