"""What a pool is to be, as its folder has it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

# Its name in the pool's folder; served/pool.py reads it.
FILE = 'pool.json'


@dataclass(frozen=True)
class Plan:
    """What a pool is to be.

    workers: how many. handler: one of served/service.py. port: 0 for any.
    """

    workers: int
    handler: str
    port: int

    def serves_as(self, other: 'Plan') -> bool:
        """Tell whether the two differ in nothing but their workers."""
        return self.handler == other.handler and self.port in (0, other.port)

    def write(self, folder: Path) -> None:
        """Put it into the pool's folder, whole or not at all."""
        new = folder / f'{FILE}.new'
        new.write_text(json.dumps(asdict(self)))
        new.replace(folder / FILE)


def read(folder: Path) -> Plan | None:
    """Return what the pool in a folder is to be; None where there is none."""
    try:
        return Plan(**json.loads((folder / FILE).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
