"""Which backend Pulumi is pointed to."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import Engine
from settings import Settings
from workspaces import environment

ENGINE = Engine(Path('/engine/bin/pulumi'), 'built', (3, 259, 0))


@pytest.mark.parametrize(
    ('given', 'url', 'password'),
    [
        (
            'postgres://me:p%40ss@db:5432/x?sslmode=disable',
            'postgres://me@db:5432/x?sslmode=disable',
            'p@ss',
        ),
        ('postgres://me@db/x', 'postgres://me@db/x', None),
        ('postgresql://me:secret@db/x', 'postgres://me@db/x', 'secret'),
        ('s3://bucket?region=eu-west-1', 's3://bucket?region=eu-west-1', None),
    ],
)
def test_password_apart_from_url(
    tmp_path: Path, given: str, url: str, password: str | None
) -> None:
    """A database's password is not in the URL that Pulumi sees, and so in no message of it."""
    settings = Settings(state_dir=tmp_path, backend_url=given)
    found = environment.variables(settings, ENGINE, 'dev', tmp_path)
    assert (found['PULUMI_BACKEND_URL'], found.get('PGPASSWORD')) == (url, password)
    # Else `pulumi stack ls` waits for ever there.
    is_postgres = url.startswith('postgres')
    assert ('PULUMI_DIY_BACKEND_PARALLEL' in found) == is_postgres
