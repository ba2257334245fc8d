"""Makes one resource and then fails."""

import pulumi_random as random

made = random.RandomUuid('made-before-the-failure')


def fail(value: str) -> None:
    raise ArithmeticError(f'after {value}')


made.result.apply(fail)
