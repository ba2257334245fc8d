"""Many resources, outputs and lines, all with a text in them that pages must show as it is."""

import pulumi

config = pulumi.Config()
text = config.require('text')
print(text)
print('\x1b[31mred\x1b[0m \x07bell \r\x1b]0;title\x07' + text)
print('x' * 5000)
print('\n'.join(f'line {number}' for number in range(config.require_int('lines'))))
if config.require_bool('fails'):
    raise RuntimeError(f'it fails: {text}')
whole = pulumi.ComponentResource('test:index:Whole', f'whole {text}')
for number in range(config.require_int('parts')):
    pulumi.ComponentResource(
        'test:index:Part', f'part-{number:03}-{"n" * 80}', opts=pulumi.ResourceOptions(parent=whole)
    )
pulumi.export(f'name {text}', 'named')
pulumi.export('text', text)
pulumi.export('link', 'http://127.0.0.1:1/' + 'p' * 300)
pulumi.export('no_link', 'javascript:alert(6)')
pulumi.export('secret', pulumi.Output.secret(text))
pulumi.export('deep', {'list': [{'text': text}] * 20})
for number in range(54):
    pulumi.export(f'output_{number:02}', f'value {number} ' + 'v' * 100)
