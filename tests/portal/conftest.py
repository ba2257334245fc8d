"""What the tests of the portal share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium


@pytest.fixture(scope='module')
def browser() -> Iterator[Browser]:
    """A browser for all tests of a module."""
    with chromium() as browser:
        yield browser
