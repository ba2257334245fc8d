"""Tells hatchling the tag of a wheel that has executables, and its bill of materials."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Executables(BuildHookInterface[Any]):
    """Marks the wheel as one for the platform that the executables in it are for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Give hatchling what the settings of this hook say."""
        build_data['pure_python'] = False
        build_data['tag'] = f'py3-none-{self.config["platform"]}'
