"""The file of rules, read as a whole: all that is wrong is told, each with its line and field."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import tomli

import durations
from stacks import flaws
from triggers.chat.kinds import CHATS
from triggers.rules import schema, templates
from triggers.rules.rule import HOLD, RESTORE, STEP_DOWN, Link, Rule, Rules, Scale
from triggers.rules.secrets import SecretError, secrets_of, webhook_of
from triggers.rules.templates import TemplateError
from triggers.sources.kinds import KINDS
from triggers.sources.source import Source
from triggers.toml_lines import BEYOND, Path, line_of

DURATIONS = ('cooldown', 'ttl', 'resolve_delay')
IsKnown = Callable[[str], bool]


@dataclass(frozen=True)
class RuleFlaw:
    """What is wrong with a file of rules, and where."""

    line: int
    field: str
    detail: str

    def __str__(self) -> str:
        where = f'line {self.line}'
        return f'{where}: {self.field} {self.detail}' if self.field else f'{where}: {self.detail}'


class RulesError(Exception):
    """A file of rules cannot be used; flaws: everything that is wrong with it."""

    def __init__(self, found: list[RuleFlaw]) -> None:
        super().__init__('; '.join(map(str, found)))
        self.flaws = found


def read(text: str, is_principal: IsKnown, environ: Mapping[str, str] = os.environ) -> Rules:
    """Return the rules that a text is.

    is_principal: tells whether there is somebody of a name.

    Raises RulesError.
    """
    try:
        said = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise RulesError([RuleFlaw(error.lineno, '', f'is no TOML: {error.msg}')]) from None
    except (ValueError, RecursionError):
        raise RulesError([RuleFlaw(1, '', f'is no TOML: {BEYOND}')]) from None
    reader = _Reader(said, is_principal, environ)
    found = reader.rules()
    if reader.flaws:
        wrong = [RuleFlaw(line_of(text, path), *told) for path, *told in reader.flaws]
        raise RulesError(sorted(wrong, key=lambda flaw: flaw.line))
    return found


class _Reader:
    """Reads what a file says, and gathers what is wrong: (path, name of the field, what)."""

    def __init__(
        self, said: dict[str, Any], is_principal: IsKnown, environ: Mapping[str, str]
    ) -> None:
        self.flaws: list[tuple[Path, str, str]] = []
        self._said = said
        self._is_principal = is_principal
        self._environ = environ

    def rules(self) -> Rules:
        if not self._fits(schema.FILE, self._said, ()):
            return Rules()
        sources = dict(self._sources())
        return Rules(
            sources,
            list(self._rules(set(self._said.get('source', {})), sources)),
            list(self._links(set(self._said.get('source', {})))),
            self._said.get('enabled', True),
        )

    def _sources(self) -> Iterator[tuple[str, Source]]:
        for name, given in self._said.get('source', {}).items():
            path: Path = ('source', name)
            if not templates.IN_NAME.fullmatch(name):
                self._wrong(path, f'must be {templates.WORDS["name"]}')
            named = str(given.get('kind'))
            kind = KINDS.get(named) or CHATS.get(named)
            if kind is None:
                self._wrong((*path, 'kind'), f'must be one of {", ".join([*KINDS, *CHATS])}')
                continue
            names = (*kind.options, *kind.required)
            options = {each: schema.TEXT for each in schema.SECRETS}
            options |= {each: schema.OPTIONS.get(each, schema.TEXT) for each in names}
            required = ['kind', *kind.required]
            if not self._fits(schema.table(required, kind=schema.TEXT, **options), given, path):
                continue
            try:
                secrets = secrets_of(str(given['kind']), given, self._environ)
                webhook = webhook_of(given, self._environ)
            except SecretError as error:
                self._wrong((*path, error.key), str(error))
                continue
            chosen = {each: given[each] for each in names if each in given}
            yield name, Source(name, given['kind'], secrets, chosen, webhook)

    def _rules(self, names: set[str], sources: Mapping[str, Source]) -> Iterator[Rule]:
        ids: set[str] = set()
        for number, given in enumerate(self._said.get('rule', [])):
            path: Path = ('rule', number)
            if not self._fits(schema.RULE, given, path):
                continue
            if given['id'] in ids:
                self._wrong((*path, 'id'), 'is the id of another rule')
            ids.add(given['id'])
            self._insist_on_known(path, given, names, 'run_as')
            yield self._rule(given, path, sources)

    def _rule(self, given: dict[str, Any], path: Path, sources: Mapping[str, Source]) -> Rule:
        self._check_templates(given, path)
        chat = sources.get(given.get('approval', ''))
        if 'approval' in given and not (chat and chat.webhook):
            self._wrong((*path, 'approval'), 'must be the name of a chat that has a webhook')
        on_resolved = given.get('on_resolved', HOLD)
        if on_resolved in (RESTORE, STEP_DOWN) and 'scale' not in given:
            self._wrong((*path, 'on_resolved'), f'{on_resolved} needs a scale')
        quota = given.get('quota', {})
        self._fits(schema.QUOTA, quota, (*path, 'quota'))
        times: dict[str, Any] = {
            name: self._duration(given[name], (*path, name)) for name in DURATIONS if name in given
        }
        return Rule(
            match={
                name: [each] if isinstance(each, str) else each
                for name, each in given['match'].items()
            },
            scale=self._scale(given['scale'], (*path, 'scale')) if 'scale' in given else None,
            on_resolved=on_resolved,
            approval=chat,
            runs_per_hour=quota.get('runs_per_hour'),
            stacks=quota.get('stacks'),
            **{name: given[name] for name in ('id', 'source', 'run_as', 'program', 'stack')},
            **{name: given[name] for name in ('inputs', 'breaker', 'dry_run') if name in given},
            **times,
        )

    def _scale(self, given: dict[str, Any], path: Path) -> Scale | None:
        if not self._fits(schema.SCALE, given, path):
            return None
        if given['min'] > given['max']:
            self._wrong((*path, 'min'), 'must be at most max')
        if given.get('step') == 0:
            self._wrong((*path, 'step'), 'must not be 0')
        every = given.get('escalate_every')
        return Scale(
            given['input'],
            given.get('step', 1),
            given['min'],
            given['max'],
            self._duration(every, (*path, 'escalate_every')) if every else None,
        )

    def _links(self, sources: set[str]) -> Iterator[Link]:
        for number, given in enumerate(self._said.get('link', [])):
            path: Path = ('link', number)
            if self._fits(schema.LINK, given, path):
                self._insist_on_known(path, given, sources, 'principal')
                yield Link(**given)

    def _insist_on_known(
        self, path: Path, given: dict[str, Any], sources: set[str], who: str
    ) -> None:
        if given['source'] not in sources:
            self._wrong((*path, 'source'), f'is {given["source"]}, which no [source] has')
        if not self._is_principal(given[who]):
            self._wrong((*path, who), f'is {given[who]}, whom no token is of')

    def _check_templates(self, given: dict[str, Any], path: Path) -> None:
        found: list[tuple[Path, Any]] = [(('stack',), given['stack'])]
        found += [(('inputs', name), each) for name, each in given.get('inputs', {}).items()]
        for place, text in found:
            try:
                if isinstance(text, str):
                    templates.check(text)
            except TemplateError as error:
                self._wrong((*path, *place), str(error))

    def _duration(self, text: str, path: Path) -> timedelta:
        try:
            return durations.parse(text)
        except ValueError as error:
            self._wrong(path, str(error))
            return timedelta()

    def _fits(self, wanted: schema.Schema, given: dict[str, Any], path: Path) -> bool:
        found = flaws.find(wanted, given, schema.UNKNOWN)
        for flaw in found:
            steps = (each.replace('~1', '/').replace('~0', '~') for each in flaw.pointer.split('/'))
            self._wrong((*path, *list(steps)[1:]), flaw.detail)
        return not found

    def _wrong(self, path: Path, detail: str) -> None:
        self.flaws.append((path, self._name(path), detail))

    def _name(self, path: Path) -> str:
        """Return a path for people: a rule by its id, where it has one."""
        if len(path) > 1 and path[0] == 'rule' and isinstance(path[1], int):
            id = self._said['rule'][path[1]].get('id')
            is_name = isinstance(id, str) and templates.IN_NAME.fullmatch(id)
            path = ('rule', id if is_name else path[1] + 1, *path[2:])
        return '.'.join(map(str, path))
