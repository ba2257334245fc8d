"""Texts with `${labels.NAME}` in them: filled once, and never with what could mean something else.

What goes in may be written by whoever can raise an alert. So a value is text and stays it: nothing
in it is looked up, and what becomes part of a name must look like one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import Template

from settings import NAME

# Of a value in a name, and in an input.
IN_NAME = re.compile('[a-z0-9][a-z0-9-]{0,39}')
LONGEST = 200
WORDS = {
    'name': 'at most 40 lower-case letters, digits and dashes',
    'input': f'at most {LONGEST} printable characters',
}

Fits = Callable[[str], bool]


class TemplateError(Exception):
    """A template cannot be used, or not be filled; the message says why."""


class _Text(Template):
    idpattern = r'[a-z][a-z_]*(?:\.[a-zA-Z_][a-zA-Z0-9_]*)?'
    # Without it, case would not count.
    flags = re.RegexFlag(0)


def check(text: str) -> None:
    """Raise TemplateError unless a text is a template that there could be values for."""
    for match in _Text.pattern.finditer(text):
        if match['invalid'] is not None:
            raise TemplateError('has a $ that is no ${labels.NAME}; a plain $ is $$')
        name = match['named'] or match['braced']
        if name is not None and not (name in ('name', 'source') or name.startswith('labels.')):
            raise TemplateError(f'has {name}: there are name, source and labels.NAME')


def stack_name(text: str, values: Mapping[str, str]) -> str:
    """Return the name of a stack.

    Raises TemplateError.
    """
    found = _filled(text, values, _fits_name, 'name')
    if not NAME.fullmatch(found):
        raise TemplateError('The name of the stack is too long, or no name.')
    return found


def value(text: str, values: Mapping[str, str]) -> str:
    """Return the value of an input.

    Raises TemplateError.
    """
    return _filled(text, values, _fits_input, 'input')


def values(labels: Mapping[str, str], name: str, source: str) -> dict[str, str]:
    """Return what templates may name."""
    found = {f'labels.{label}': text for label, text in labels.items()}
    return {**found, 'name': name, 'source': source}


def _fits_name(value: str) -> bool:
    return IN_NAME.fullmatch(value) is not None


def _fits_input(value: str) -> bool:
    return len(value) <= LONGEST and value.isprintable()


def _filled(text: str, values: Mapping[str, str], fits: Fits, kind: str) -> str:
    try:
        return _Text(text).substitute(_Checked(values, fits, kind))
    except ValueError:
        raise TemplateError('A template has a $ that is no ${labels.NAME}.') from None


class _Checked(dict[str, str]):
    """Values, each looked at when it is used."""

    def __init__(self, values: Mapping[str, str], fits: Fits, kind: str) -> None:
        super().__init__(values)
        self._fits = fits
        self._kind = kind

    def __getitem__(self, name: str) -> str:
        if name not in self:
            raise TemplateError(f'The call has no {name}.')
        found = super().__getitem__(name)
        if not self._fits(found):
            raise TemplateError(
                f'{name} cannot be used in a {self._kind}: it must be {WORDS[self._kind]}.'
            )
        return found
