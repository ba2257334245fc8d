"""Who somebody is to the service: a name, a role, and the programs that they may use."""

from __future__ import annotations

from dataclasses import dataclass

# Each may do what those before it may.
ROLES = ('reader', 'user', 'operator')


@dataclass(frozen=True)
class Caller:
    """Somebody who makes requests; programs: all when None."""

    name: str
    role: str
    programs: frozenset[str] | None = None

    def may(self, role: str) -> bool:
        """Tell whether the caller may do what needs this role."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_use(self, program: str) -> bool:
        """Tell whether the caller may use the program of this name."""
        return self.programs is None or program in self.programs
