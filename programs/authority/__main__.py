"""An authority, and a certificate for each request that it is given."""

import pulumi
from authority import Authority, Certificate

config = pulumi.Config()
authority = Authority('authority', config.require('organisation'))
certificates = {
    name: Certificate(name, authority, request=request, days=config.require_int('days'))
    for name, request in (config.get_object('requests') or {}).items()
}

pulumi.export('authority', authority.certificate)
pulumi.export('certificates', {name: each.certificate for name, each in certificates.items()})
pulumi.export('renew_after', {name: each.renew_after for name, each in certificates.items()})
