"""The command `infra`."""

from infra.cli.root import main

__all__ = ['main']
