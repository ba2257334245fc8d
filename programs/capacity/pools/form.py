"""The form of what these resources keep in a stack's state, and of stacks made by older code.

Pulumi keeps a reference to the code of a resource, not the code: whatever version of this program a
stack was made with, the one at hand reads its state.
"""

from typing import Any

# Goes up when a property changes its meaning; `current` then says how to read the older ones.
FORM = 1
# Pulumi has them as floats.
NUMBERS = ('workers', 'port', 'wanted_port')
Props = dict[str, Any]


def current(props: Props) -> Props:
    """Return what a stack's state has, as this version would have kept it.

    Raises RuntimeError when a newer version has made it.
    """
    form = int(props.get('form', FORM))
    if form > FORM:
        raise RuntimeError(
            f'A newer version of this program has made this (form {form}, this one knows {FORM}): '
            'use that version.'
        )
    numbers = {each: int(props[each]) for each in NUMBERS if props.get(each) is not None}
    return {**props, **numbers}


def kept(**props: Any) -> Props:
    """Return properties as the state is to have them."""
    return {**props, 'form': FORM}
