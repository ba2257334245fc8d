"""The kinds of error: each that is used is described, where its link leads to and in the docs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from rest import errors, kinds
from rest.kinds import KINDS
from stacks import errors as platform_errors
from stacks.errors import ConflictError, InvalidError, PlatformError
from tests.paths import ROOT
from tests.rest_client import Client

ROW = re.compile(r'^\| `/docs/errors#([a-z-]+)` \| (\d+) \| (.+) \|$', re.MULTILINE)
NAMED = re.compile(r"(?:ConflictError|of_kind)\(\s*'([a-z-]+)'")


class Ids(HTMLParser):
    """Finds the places of a page that a link can lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name == 'id' and value]


def test_all_are_described() -> None:
    """Each kind that the code names is described, and no other."""
    files = [*(ROOT / 'stacks').rglob('*.py'), *(ROOT / 'rest').rglob('*.py')]
    used = {kind for file in files for kind in NAMED.findall(file.read_text())}
    assert used | set(errors.KIND_OF.values()) == set(KINDS)


def test_all_errors_have_one() -> None:
    """Each error of the platform is of a kind."""
    known = {each for each in vars(platform_errors).values() if isinstance(each, type)}
    found = {each for each in known if issubclass(each, PlatformError)}
    assert found - {PlatformError, ConflictError, InvalidError} == set(errors.KIND_OF)


def test_links(rest: Client) -> None:
    """The `type` of an error leads to a place on a page that is served."""
    type_ = rest.simulate_get('/v1/stacks/none').json['type']
    path, _, fragment = type_.partition('#')
    page = rest.simulate_get(path)
    assert (page.status_code, page.headers['content-type']) == (200, 'text/html; charset=utf-8')
    ids = Ids()
    ids.feed(page.text)
    assert fragment in ids.found
    assert ids.found == list(KINDS)
    assert all(kind.about in page.text for kind in KINDS.values())
    assert [kinds.link(name) for name in KINDS] == [f'{path}#{id}' for id in ids.found]


def test_documents() -> None:
    """The table in docs/rest.md says the same."""
    rows = ROW.findall((ROOT / 'docs' / 'rest.md').read_text())
    said = [(name, str(kind.status.value), kind.about) for name, kind in KINDS.items()]
    assert rows == said
