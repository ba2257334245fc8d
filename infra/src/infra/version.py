"""The version of this package, which each request names."""

from importlib.metadata import version

__version__ = version('infra-client')
