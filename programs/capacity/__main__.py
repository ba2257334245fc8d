"""A pool of worker processes of a small web service, behind one port."""

import pulumi
from pools import Claim, Pool
from pools.ports import LOWEST

config = pulumi.Config()
port = config.require_int('port')
if 0 < port < LOWEST:
    raise pulumi.RunError(
        f'port cannot be {port}: those below {LOWEST} are for the system. Choose a higher one, '
        'or 0 for one that is free.'
    )

name = pulumi.get_stack().rpartition('.')[2]
claim = Claim('claim', name)
pool = Pool(
    'pool',
    name,
    workers=config.require_int('workers'),
    handler=config.require('handler'),
    wanted_port=port,
    opts=pulumi.ResourceOptions(depends_on=[claim]),
)

pulumi.export('url', pulumi.Output.format('http://127.0.0.1:{0}', pool.port))
pulumi.export('port', pool.port)
pulumi.export('workers', pool.workers)
pulumi.export('handler', pool.handler)
