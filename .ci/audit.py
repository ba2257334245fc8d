"""Ask PyPI for known vulnerabilities in what the service runs on, as requirements.lock pins it.

A finding, a package that PyPI does not know, or an audit that breaks is a failure. Only where the
advisories cannot be had at all, as offline or behind an index that has none, does it pass, and says
so: a check that needs the network must not stop work without one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent.parent / 'requirements.lock'
COMMAND = [
    *(sys.executable, '-m', 'pip_audit', '--progress-spinner', 'off', '--format', 'json'),
    # Hashes pin everything, so nothing has to be resolved or installed for the audit.
    *('--disable-pip', '--require-hashes', '-r', str(LOCK)),
]
# Two ways to fail to connect: pip-audit words a timeout itself; whatever else requests raises
# passes through it as a traceback. A certificate that does not fit (SSLError) is not among them.
UNREACHABLE = re.compile(
    r'^requests\.exceptions\.(?:ConnectionError|ProxyError|ReadTimeout):'
    r'|Could not connect to PyPI\'s vulnerability feed',
    re.MULTILINE,
)


def main() -> int:
    """Audit and print what was found; return the exit code."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)['dependencies']
    except ValueError:
        if UNREACHABLE.search(done.stderr):
            return not_asked('PyPI cannot be reached')
        print(done.stderr, file=sys.stderr)
        return 1
    return report(packages)


def report(packages: list[dict[str, Any]]) -> int:
    """Print the findings and what could not be audited; return the exit code."""
    unknown = [each['name'] for each in packages if 'skip_reason' in each]
    if packages and len(unknown) == len(packages):
        # What an index answers that mirrors the packages and not PyPI's JSON API.
        return not_asked('this index knows the advisories of no package')
    for name in unknown:
        print(f'audit: {name} could not be audited', file=sys.stderr)
    found = [(each, flaw) for each in packages for flaw in each.get('vulns', [])]
    for each, flaw in found:
        fixed = ', '.join(flaw['fix_versions']) or 'no version'
        print(
            f'audit: {each["name"]} {each["version"]}: {flaw["id"]}, fixed in {fixed}',
            file=sys.stderr,
        )
    if unknown or found or not packages:
        return 1
    print(f'audit: {len(packages)} packages, no known vulnerability')
    return 0


def not_asked(reason: str) -> int:
    """Say that nothing was audited, and why; return the exit code."""
    print(f'audit: NOT DONE, the vulnerability service could not be asked: {reason}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
