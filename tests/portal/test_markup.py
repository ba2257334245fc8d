"""What is looked for in every document of the portal is found where it is."""

from __future__ import annotations

import pytest

from tests.portal.markup import flaws

WHOLE = (
    '<!doctype html><html lang="en"><head><title>x</title><link rel="stylesheet" href="/a.css">'
    '<script src="/a.js" defer></script></head><body><main><h1>x</h1>{}</main></body></html>'
)
WRONG = {
    '<h1>y</h1>': '2 <h1>',
    '<p style="color: red">y</p>': 'style= of <p>',
    '<p onclick="x">y</p>': 'onclick= of <p>',
    '<p id="a">y</p><p id="a">z</p>': "id 'a' 2 times",
    '<input name="a">': 'no label for a',
    '<label for="a">y</label>': "for='a' of <label> leads nowhere",
    '<a href="#a">y</a>': "a link to '#a' leads nowhere",
    '<form action="/x"></form>': '<form> without a method',
    '<script>x</script>': '2 <script>',
    '<style>x</style>': 'an element that the policy would not let be',
    '<div><p>y</div>': '</div> on line 1 ends no open element',
    'é' * 20480: ' bytes',
}
RIGHT = (
    '<form method="post"><label>a <input name="a"></label><label for="b">b</label><select id="b">'
)


@pytest.mark.parametrize('body', WRONG)
def test_wrong(body: str) -> None:
    """What is wrong with a document is told."""
    assert WRONG[body] in ' '.join(flaws(WHOLE.format(body)))


def test_right() -> None:
    """Nothing is wrong with a document that is as it must be."""
    assert flaws(WHOLE.format(f'{RIGHT}</select></form>')) == []
