"""What each page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.fields import Field, Option
from portal.pictures import Graph, Plot
from stacks.programs import Program
from stacks.records import ListedStack, LogPart, Run, Stack
from triggers.records import TriggerEvent

# A link in words: (words, address).
Link = tuple[str, str]


@dataclass(frozen=True)
class ErrorPage:
    """An error."""

    heading: str
    detail: str
    hint: str
    status: int
    request_id: str
    retry_after: str
    links: Sequence[Link]


@dataclass(frozen=True)
class LoginPage:
    """Where one signs in; after: where that leads to."""

    after: str
    flaws: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Card:
    """A program in the catalogue; notes: what is good to know of it."""

    program: Program
    notes: Sequence[str]


@dataclass(frozen=True)
class CataloguePage:
    """The programs by their categories."""

    groups: Mapping[str, Sequence[Card]]
    count: int
    text: str
    can_search: bool
    can_create: bool


@dataclass(frozen=True)
class FormPage:
    """The form of a new stack, or of other inputs of one.

    stack: None for a new one. flaws: (id of a field, what is wrong).
    like: the run whose inputs are kept where nothing is typed; empty: the stack's own are.
    """

    program: Program
    stack: Stack | None
    about: Sequence[Field]
    inputs: Sequence[Field]
    ttls: Sequence[Option] = ()
    ttl_flaw: str = ''
    like: str = ''
    flaws: Sequence[tuple[str, str]] = ()
    obstacle: str = ''

    @property
    def required(self) -> list[Field]:
        """The inputs that must be given."""
        return [each for each in self.inputs if each.is_required]

    @property
    def optional(self) -> list[Field]:
        """The others, which are folded away."""
        return [each for each in self.inputs if not each.is_required]

    @property
    def has_flaw_below(self) -> bool:
        """Whether something is wrong in what is folded away."""
        return any(each.flaw for each in self.optional)


@dataclass(frozen=True)
class StacksPage:
    """The stacks that a filter leaves; next, first: addresses of other parts of the list."""

    items: Sequence[ListedStack]
    where: Mapping[str, str]
    states: Sequence[Option]
    next: str
    first: str


@dataclass(frozen=True)
class Shown:
    """An output or an input.

    text: its value, of which only the begin is here where is_cut says so. is_link: whether it is a
    URL.
    """

    name: str
    text: str
    is_cut: bool = False
    is_secret: bool = False
    is_link: bool = False
    is_revealed: bool = False


@dataclass(frozen=True)
class StackPage:
    """A stack.

    active: its run that is on. may_change: whether who looks may do something with it.
    """

    stack: Stack
    last: Run | None
    active: Run | None
    program: Program | None
    outputs: Sequence[Shown]
    inputs: Sequence[Shown]
    resources: Sequence[Mapping[str, Any]]
    count: int
    graph: Graph
    runs: Sequence[Run]
    has_more_runs: bool
    plot: Plot
    may_change: bool
    can_expire_never: bool
    extensions: Sequence[Option]
    flaws: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class DestroyPage:
    """Whether a stack is to be destroyed; resources: what goes with it."""

    stack: Stack
    last: Run | None
    resources: Sequence[Mapping[str, Any]]
    count: int
    flaws: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class RunsPage:
    """Runs, the newest first; stack: of which, empty for all."""

    runs: Sequence[Run]
    stack: str
    where: Mapping[str, str]
    states: Sequence[Option]
    next: str
    first: str


@dataclass(frozen=True)
class TriggersPage:
    """What calls told and what was decided, the newest first."""

    events: Sequence[TriggerEvent]
    where: Mapping[str, str]
    outcomes: Sequence[Option]
    next: str
    first: str


@dataclass(frozen=True)
class Row:
    """A resource of a run, with what changes in it."""

    resource: Mapping[str, Any]
    differences: Sequence[Mapping[str, Any]]
    left_out: int


@dataclass(frozen=True)
class InputChange:
    """An input that a run has otherwise than the stack, or the run before it."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Progress:
    """How far a run is: what the page of a run has, and what its script asks for again.

    rows: changed resources, the most dangerous first. same: how many are as they were.
    sentence: how many there are of each kind.
    """

    run: Run
    rows: Sequence[Row]
    left_out: int
    same: int
    sentence: Sequence[tuple[str, str]]
    log: LogPart


@dataclass(frozen=True)
class RunPage:
    """A run; stack: None where it is gone.

    outputs: where an update has succeeded. may_decide: whether a preview can be decided.
    outdated: why it cannot be any more.
    """

    progress: Progress
    stack: Stack | None
    outputs: Sequence[Shown]
    input_changes: Sequence[InputChange]
    may_change: bool
    may_decide: bool
    outdated: str
    before: str = ''
    after: str = ''

    @property
    def run(self) -> Run:
        """The run."""
        return self.progress.run
