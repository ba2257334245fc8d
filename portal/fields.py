"""The fields of a form, by the JSON Schema of a program's inputs, and what comes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import falcon

from stacks.errors import Flaw
from stacks.operation.marks import SECRET
from stacks.programs import Program
from web import bodies

Form = Mapping[str, Sequence[str]]

PREFIX = 'input-'
KEPT, AS_JSON = 'keep', 'json'
INTEGER = re.compile('-?[0-9]{1,18}')
# A choice of more than these is a list to open.
MOST_RADIOS = 5
# Characters of a text that a form has in it; a longer one is kept unless it is typed anew.
LONGEST_SHOWN = 8000
# Bytes of all of them, as a form sends them: it may have 64 KiB.
ROOM = 40_000
# By the types of inputs.
KINDS = {
    'string': 'text',
    'integer': 'number',
    'boolean': 'checkbox',
    'array': 'json',
    'object': 'json',
}


@dataclass(frozen=True)
class Option:
    """What can be chosen."""

    value: str
    label: str
    is_chosen: bool


@dataclass
class Field:
    """A field of a form.

    kind: which template it has: text, area, lines, json, secret, number, checkbox, radios, select.
    value: the text in it; for a checkbox, whether it is on.
    is_json: whether its text is JSON although others of its type are lines.
    kept: what is said of a value that stays when nothing is typed; empty where there is none.
    flaw: what is wrong with it.
    """

    name: str
    label: str
    kind: str
    hint: str = ''
    value: Any = ''
    is_json: bool = False
    options: list[Option] = field(default_factory=list)
    is_required: bool = False
    kept: str = ''
    flaw: str = ''

    @property
    def id(self) -> str:
        """The id of its element, or of its first one."""
        return self.name


def fields(program: Program, values: Mapping[str, Any], is_new: bool) -> list[Field]:
    """Return the fields of a program's inputs, in the program's order.

    values: the present ones, secrets as SECRET; empty for those that are not set.
    """
    required = program.schema.get('required', [])
    found = []
    room = ROOM
    for name, schema in program.schema['properties'].items():
        each = Field(
            name=PREFIX + name,
            label=str(schema.get('title') or name.replace('_', ' ').capitalize()),
            kind=kind(schema),
            hint=str(schema.get('description') or ''),
            is_required=name in required,
        )
        value = values.get(name, schema.get('default'))
        if value == SECRET and not schema.get('writeOnly'):
            # It was secret when it was given, and is not told now that it is not.
            value = None
        each.kind, each.is_json = _fitting(each.kind, value)
        each.options = _options(schema, value)
        filled = shown(each.kind, value)
        size = len(quote_plus(str(filled)))
        is_long = len(str(filled)) > LONGEST_SHOWN or size > room
        is_secret = each.kind == 'secret' and value == SECRET
        if not is_new and name in values and (is_secret or is_long):
            each.kept = _kept_words(filled)
        else:
            each.value = filled
            room -= size
        found.append(each)
    return found


def kind(schema: Mapping[str, Any]) -> str:
    """Return which field an input has."""
    declared = str(schema.get('type', 'string'))
    if schema.get('writeOnly'):
        return 'secret'
    if 'enum' in schema:
        return 'radios' if len(schema['enum']) <= MOST_RADIOS else 'select'
    is_lines = declared == 'array' and schema.get('items', {}).get('type') == 'string'
    is_area = declared == 'string' and 'contentMediaType' in schema
    return 'lines' if is_lines else 'area' if is_area else KINDS[declared]


def _fitting(kind: str, value: Any) -> tuple[str, bool]:
    """Return the kind of field that loses nothing of a value, and whether that is JSON."""
    if kind == 'text' and isinstance(value, str) and '\n' in value:
        return 'area', False
    if kind != 'lines' or value is None:
        return kind, False
    is_plain = isinstance(value, list) and all(map(_is_line, value))
    return ('lines', False) if is_plain else ('json', True)


def _is_line(entry: Any) -> bool:
    return isinstance(entry, str) and entry == entry.strip() != '' and '\n' not in entry


def shown(kind: str, value: Any) -> Any:
    """Return a value as its field has it."""
    if kind == 'checkbox':
        return bool(value)
    if value is None or kind == 'secret':
        return ''
    if kind == 'lines':
        return '\n'.join(map(str, value))
    if kind == 'json':
        return json.dumps(value, indent=2, ensure_ascii=False)
    return value if isinstance(value, str) else json.dumps(value)


def inputs(program: Program, form: Form, present: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs that a form gives; what it leaves as it is, is not among them.

    present: the stack's inputs as people may see them; empty for a new stack.
    """
    found: dict[str, Any] = {}
    for name, schema in program.schema['properties'].items():
        given = form.get(PREFIX + name)
        if given is None or (form.get(f'{KEPT}-{name}') and not given[-1]):
            continue
        text = given[-1]
        if schema.get('writeOnly') and not text:
            if 'default' in schema and name not in present:
                found[name] = schema['default']
            continue
        value = _json(text) if form.get(f'{AS_JSON}-{name}') else parsed(schema, text)
        if value is not None:
            found[name] = value
    return found


def parsed(schema: Mapping[str, Any], text: str) -> Any:
    """Return what a field's text means; the text itself where it does not fit, None where nothing.

    What does not fit is told by whoever checks inputs, for the API as for forms.
    """
    declared = str(schema.get('type', 'string'))
    if kind(schema) == 'lines':
        return [line.strip() for line in text.split('\n') if line.strip()]
    if declared == 'string':
        # Nothing typed is a text too, unless one is needed.
        return text if text or 'default' in schema else None
    return PARSERS[declared](text.strip()) if text.strip() else schema.get('default')


def _integer(text: str) -> Any:
    return int(text) if INTEGER.fullmatch(text) else text


def _boolean(text: str) -> Any:
    return {'on': True, 'true': True, 'off': False, 'false': False}.get(text, text)


def _json(text: str) -> Any:
    try:
        return bodies.parse_json(text)
    except falcon.HTTPBadRequest:
        return text


def typed(found: list[Field], form: Form) -> None:
    """Have fields show what was typed, except in secret ones."""
    for each in found:
        given = form.get(each.name)
        if given is None or each.kind == 'secret':
            continue
        each.value = given[-1] == 'on' if each.kind == 'checkbox' else given[-1]
        each.options = [
            Option(option.value, option.label, option.value == given[-1]) for option in each.options
        ]


def mark(found: list[Field], flaws: Sequence[Flaw]) -> list[tuple[str, str]]:
    """Have fields show what is wrong with them; return all flaws as (id of the field, words).

    The id is empty where a flaw is of no field.
    """
    by_name = {each.name: each for each in found}
    summary = []
    for flaw in flaws:
        each = by_name.get(_name(flaw.pointer))
        words = flaw.detail
        if each is not None:
            if each.kind == 'json' and isinstance(each.value, str):
                words = _json_flaw(each.value) or words
            each.flaw = f'{each.label} {words}.'
        summary.append((each.id if each else '', each.flaw if each else _sentence(flaw)))
    return summary


def _name(pointer: str) -> str:
    """Return the name of the field that a JSON Pointer of a request leads into."""
    first, _, rest = pointer[1:].partition('/')
    if first != 'inputs':
        return first
    name = rest.partition('/')[0]
    return PREFIX + name.replace('~1', '/').replace('~0', '~')


def _sentence(flaw: Flaw) -> str:
    return f'{flaw.pointer[1:].replace("/", " ")} {flaw.detail}.'.strip().capitalize()


def _json_flaw(text: str) -> str:
    try:
        bodies.parse_json(text)
    except falcon.HTTPBadRequest as error:
        cause = error.__context__
        if isinstance(cause, json.JSONDecodeError):
            return f'is not valid JSON: line {cause.lineno}, character {cause.colno}'
        return 'is not JSON that can be used'
    return ''


def _options(schema: Mapping[str, Any], value: Any) -> list[Option]:
    found = []
    for each in schema.get('enum', []):
        text = each if isinstance(each, str) else json.dumps(each)
        found.append(Option(text, text or '(none)', each == value))
    return found


def _kept_words(filled: Any) -> str:
    # Of a secret, nothing is filled in.
    size = f', {len(filled):,} characters' if filled else ''
    return f'Set{size}. Leave empty to keep it.'


PARSERS: dict[str, Callable[[str], Any]] = {
    'integer': _integer,
    'boolean': _boolean,
    'array': _json,
    'object': _json,
}
