"""A database of its own, with a user who owns it."""

import pulumi
from names import check
from postgresql import Claim, Database, Password, Protection, ReadRights, Role, address

config = pulumi.Config()
name = config.require('name')
owner = config.get('owner') or name
reader = config.get('reader') or ''
version = config.get_int('password_version') or 1
check(name, owner, reader)

claim = Claim('claim', name, stack=pulumi.get_stack().rpartition('.')[2])
password = Password('password', version, opts=pulumi.ResourceOptions(depends_on=[claim]))
user = Role('owner', owner, claim.mark, password.password)
database = Database(
    'database',
    name,
    claim.mark,
    owner=user.name,
    connection_limit=config.get_int('connection_limit'),
    is_protected=config.get_bool('delete_protection'),
)
parts: list[pulumi.Resource] = [database]
if reader:
    reader_password = Password(
        'reader-password', version, pulumi.ResourceOptions(depends_on=[claim])
    )
    # A mark of its own: an owner is never made of it, and then removed as the reader.
    mark = pulumi.Output.concat(claim.mark, ', reader')
    reading = Role('reader', reader, mark, reader_password.password)
    parts.append(
        ReadRights('read-rights', database.name, claim.mark, owner=user.name, reader=reading.name)
    )
# The first to be asked when all is to go.
Protection(
    'protection',
    database.name,
    claim.mark,
    is_on=config.get_bool('delete_protection'),
    opts=pulumi.ResourceOptions(depends_on=parts),
)

for key, value in address().items():
    pulumi.export(key, value)
pulumi.export('database', database.name)
pulumi.export('user', user.name)
pulumi.export('password', password.password)
pulumi.export('url', password.url(owner, name))
if reader:
    pulumi.export('reader', reading.name)
    pulumi.export('reader_password', reader_password.password)
    pulumi.export('reader_url', reader_password.url(reader, name))
