"""Secret inputs as they are stored, and who can read them again."""

from __future__ import annotations

import pytest

from stacks.vault import Vault, WrongPassphraseError
from tests.records import PASSPHRASE, vault


@pytest.mark.parametrize('text', ['', 'a', 'ä\n€ 🙂', 'x' * 100_000])
def test_round_trip(text: str) -> None:
    """What was encrypted comes back, whatever it is."""
    assert vault().decrypt(vault().encrypt(text)) == text


def test_same_text_twice() -> None:
    """The same secret is stored differently each time, and never as it is."""
    first, second = vault().encrypt('planted'), vault().encrypt('planted')
    assert first != second
    assert 'planted' not in first


def test_reopened() -> None:
    """A vault that is opened again reads what the first one stored."""
    assert Vault(PASSPHRASE, vault().salt).decrypt(vault().encrypt('planted')) == 'planted'


def test_new_salt() -> None:
    """Each new vault has a salt of its own, so what another one stored is refused."""
    other = Vault(PASSPHRASE, Vault.new_salt(PASSPHRASE))
    assert other.salt != vault().salt
    with pytest.raises(WrongPassphraseError):
        other.decrypt(vault().encrypt('planted'))


def test_wrong_passphrase() -> None:
    """Another passphrase is refused at once, in words that say what to do."""
    with pytest.raises(WrongPassphraseError, match='set the one that was in force'):
        Vault('another', vault().salt)


def test_changed_text() -> None:
    """What was changed in the database is not taken for a secret."""
    head, nonce, sealed = vault().encrypt('planted').split(':')
    changed = f'{head}:{nonce}:{"B" if sealed[0] == "A" else "A"}{sealed[1:]}'
    with pytest.raises(WrongPassphraseError):
        vault().decrypt(changed)
