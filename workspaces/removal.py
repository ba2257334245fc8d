"""Removing a stack that has no resources, with its history."""

from __future__ import annotations

from contextlib import suppress

from pulumi import automation as auto


def remove(workspace: auto.Workspace, name: str) -> None:
    """Remove it; its settings stay.

    name: as in `org/project/stack`.

    Raises auto.CommandError, also when it has resources.
    """
    # Pulumi tries for 0.14 s to remove the tags of a stack that has none. A version that knows no
    # tags in this backend does not.
    with suppress(auto.CommandError):
        workspace.set_tag(name, 'removed', 'true')
    workspace.remove_stack(name, preserve_config=True)
