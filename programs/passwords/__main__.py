"""A password for each account that the stack's config names."""

import pulumi
import pulumi_random as random

config = pulumi.Config()

passwords = {
    account: random.RandomPassword(
        account,
        length=config.require_int('length'),
        special=config.require_bool('special'),
    ).result
    for account in config.require_object('accounts')
}

pulumi.export('passwords', passwords)
