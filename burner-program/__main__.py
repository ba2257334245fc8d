"""One random value, chosen by the config key `request`: string, id or uuid."""

import pulumi
import pulumi_random as random

config = pulumi.Config()
request = config.require('request')


def pulumi_program() -> pulumi.Input[str]:
    """Declare the resource that was asked for and return its value."""
    if request == 'string':
        return random.RandomString('fake-string', length=24).result
    if request == 'id':
        return random.RandomId('fake-id', byte_length=1).b64_std
    if request == 'uuid':
        return random.RandomUuid('fake-uuid').result
    return 'Give me something I can work with.'


pulumi.export(request, pulumi_program())
