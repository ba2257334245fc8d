"""A certificate authority, and what it signs, as resources."""

from authority.authority import Authority
from authority.certificate import Certificate

__all__ = ['Authority', 'Certificate']
