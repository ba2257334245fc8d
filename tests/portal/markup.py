"""What every document of the portal must be like, read from its HTML as it was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.browser import Answer, Person
from tests.platform import TOKEN

Attributes = dict[str, str]

# A whole page is sent at once, without a thread that waits for whoever takes it in slowly.
MOST_BYTES = 40 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
VOID = frozenset(
    ['area', 'base', 'br', 'col', 'hr', 'img', 'input', 'link', 'meta', 'source', 'wbr']
)
ONCE = ('html', 'title', 'script', 'main', 'h1')
LABELLED = ('input', 'select', 'textarea')
UNLABELLED = ('hidden', 'submit', 'button')
# Attributes that name other elements by their ids.
REFERENCES = ('for', 'aria-describedby', 'aria-labelledby', 'aria-controls')


@dataclass
class Document(HTMLParser):
    """The elements of a document, and what its nesting says."""

    elements: list[tuple[str, Attributes]] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    title: str = ''
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or '' for name, value in attrs}
        # A picture's parts have titles too.
        self.elements.append((f'svg-{tag}' if 'svg' in self._open else tag, found))
        if 'label' in self._open:
            found['in-label'] = ''
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or '' for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.flaws.append(f'</{tag}> on line {self.getpos()[0]} ends no open element')
            self._open = []

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == 'title':
            self.title += data

    def of(self, *tags: str) -> list[Attributes]:
        """Return the attributes of all elements of these names."""
        return [attributes for tag, attributes in self.elements if tag in tags]


def read(text: str) -> Document:
    """Return a document from its HTML."""
    found = Document()
    found.feed(text)
    found.close()
    return found


def assert_well_made(ann: Person, url: str) -> None:
    """Assert that all that somebody was answered was as it must be, and had no secret in it.

    url: of the service, as there are other pages too.
    """
    ann.catch_up()
    answers = [each for each in ann.answers if each.url.startswith(url)]
    assert answers
    found = [f'{each.method} {each.url}: {what}' for each in answers for what in _wrong(each)]
    assert not found, '\n'.join(dict.fromkeys(found))


def _wrong(answer: Answer) -> Iterator[str]:
    policy = answer.headers.get('content-security-policy', '')
    if policy != POLICY:
        yield f'the policy {policy!r}'
    if TOKEN in answer.text:
        yield 'a secret'
    # Of these, a script takes parts.
    if answer.is_page and '/live' not in answer.url:
        yield from flaws(answer.text)


def flaws(text: str) -> list[str]:
    """Return what is wrong with a document, in words."""
    return list(_flaws(read(text), text))


def _flaws(page: Document, text: str) -> Iterator[str]:
    yield from page.flaws
    size = len(text.encode())
    if size > MOST_BYTES:
        yield f'{size:,} bytes'
    for tag in ONCE:
        if len(page.of(tag)) != 1:
            yield f'{len(page.of(tag))} <{tag}>'
    if [each.get('rel') for each in page.of('link')].count('stylesheet') != 1:
        yield 'not one style sheet'
    if not all(each.get('lang') for each in page.of('html')):
        yield 'no language'
    if page.of('style', 'iframe', 'object', 'base'):
        yield 'an element that the policy would not let be'
    if any('src' not in each for each in page.of('script')):
        yield 'a script within the page'
    yield from _attribute_flaws(page)
    yield from _id_flaws(page)


def _attribute_flaws(page: Document) -> Iterator[str]:
    for tag, attributes in page.elements:
        for name in attributes:
            if name == 'style' or name.startswith('on'):
                yield f'{name}= of <{tag}>'
        if tag == 'form' and attributes.get('method', '').lower() not in ('get', 'post'):
            yield '<form> without a method'
    labels = {each.get('for') for each in page.of('label')}
    for each in page.of(*LABELLED):
        is_named = {'in-label', 'aria-label', 'aria-labelledby'} & set(each)
        if not (is_named or each.get('id') in labels or each.get('type') in UNLABELLED):
            yield f'no label for {each.get("name") or each}'


def _id_flaws(page: Document) -> Iterator[str]:
    ids = Counter(each['id'] for _, each in page.elements if 'id' in each)
    yield from (f'id {id!r} {count} times' for id, count in ids.items() if count > 1 or not id)
    for tag, attributes in page.elements:
        for name in REFERENCES:
            for id in attributes.get(name, '').split():
                if id not in ids:
                    yield f'{name}={id!r} of <{tag}> leads nowhere'
    links = [each.get('href', '') for each in page.of('a')]
    for target in links:
        if target.startswith('#') and target[1:] not in ids:
            yield f'a link to {target!r} leads nowhere'
