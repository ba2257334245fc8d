"""A password, made once for each of its versions."""

import secrets

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from postgresql.address import url
from postgresql.form import Props, current, kept

# Of 24 random bytes: letters, digits, - and _, which no URL and no shell takes for something else.
BYTES = 24


class PasswordProvider(ResourceProvider):
    """Makes passwords; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult('password', _made(props))

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        return DiffResult(changes=current(olds)['version'] != news['version'])

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_made(news))


class Password(Resource, module='postgresql', name='Password'):
    """A password, secret from the start.

    version: another one has it made anew.
    """

    password: Output[str]

    def __init__(self, name: str, version: Input[int], opts: ResourceOptions | None = None) -> None:
        secret = ResourceOptions(additional_secret_outputs=['password'])
        given = {'version': version, 'password': None, 'form': None}
        super().__init__(PasswordProvider(), name, given, ResourceOptions.merge(opts, secret))

    def url(self, user: str, database: str) -> Output[str]:
        """Return the URL of a database for a user with this password."""
        return self.password.apply(lambda password: url(user, password, database))


def _made(props: Props) -> Props:
    return kept(version=props['version'], password=secrets.token_urlsafe(BYTES))
