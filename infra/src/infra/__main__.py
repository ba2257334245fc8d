"""`python -m infra`: the same as `infra`."""

from infra.cli import main

main()
