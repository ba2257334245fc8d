"""Modules that are imported ahead of the program, and become its own when it asks for one.

Until then a program finds in ``sys.modules`` what it would find without them, and a module of the
same name that it puts in front of one of them is imported instead.
"""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Collection, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class Preloaded:
    """Finder and loader of these modules. With the first that is imported all are there.

    Not one by one, because they look each other up in ``sys.modules``.
    """

    def __init__(self, baseline: Collection[str]) -> None:
        """Takes all that is beyond the baseline out of ``sys.modules``."""
        self._lock = threading.Lock()
        self._handed_out = False
        self._modules = {
            name: module
            for name, module in sys.modules.items()
            if name not in baseline and isinstance(module, ModuleType)
        }
        for name in self._modules:
            del sys.modules[name]
        for parent, child, _ in self._attributes():
            vars(parent).pop(child, None)
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Answers an import of one of the modules."""
        if name not in self._modules:
            return None
        with self._lock:
            if not self._handed_out:
                self._hand_out()
                self._handed_out = True
        sys.modules.pop(name, None)  # The import system puts it back, by way of this spec.
        return self._spec(name) if name in self._modules else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Returns the module that is there."""
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module its own spec back, in place of ours."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state

    def _spec(self, name: str) -> ModuleSpec:
        original = self._modules[name].__spec__
        spec = copy.copy(original) or ModuleSpec(name, None)
        spec.loader = self  # type: ignore[assignment]
        spec.loader_state = original
        return spec

    def _hand_out(self) -> None:
        """Puts the modules into ``sys.modules``, but for those that would be others by now."""
        other = {name for name in self._modules if self._is_other(name)}
        self._modules = {
            name: module
            for name, module in self._modules.items()
            if name.partition('.')[0] not in other
        }
        sys.modules.update(self._modules)
        for parent, child, module in self._attributes():
            setattr(parent, child, module)

    def _is_other(self, name: str) -> bool:
        spec = self._modules[name].__spec__
        if name in sys.modules:
            return True
        if '.' in name or spec is None or not spec.has_location:
            return False
        found = PathFinder.find_spec(name)
        return found is None or found.origin != spec.origin

    def _attributes(self) -> list[tuple[ModuleType, str, ModuleType]]:
        """Those of the modules that packages in ``sys.modules`` have as attributes."""
        split = [(*name.rpartition('.'), module) for name, module in self._modules.items()]
        return [
            (sys.modules[parent], child, module)
            for parent, _, child, module in split
            if parent in sys.modules
        ]
