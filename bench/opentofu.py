"""The peer: OpenTofu with the same random provider, built on demand from Go modules."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from engine import builds, golang
from engine.compiler import FLAGS
from engine.work import under_way

HERE = Path(__file__).resolve().parent
TOFU = 'github.com/opentofu/opentofu/cmd/tofu'
PROVIDER = 'github.com/terraform-providers/terraform-provider-random'
# Only a label here: a mirror needs a version in its path.
PROVIDER_VERSION = '3.9.0'
BUILD_DEADLINE = 30 * 60.0
STEP_DEADLINE = 120.0
MAIN = """
terraform {
  required_providers {
    random = { source = "hashicorp/random", version = "3.9.0" }
  }
}

resource "random_uuid" "fake" {}

output "uuid" { value = random_uuid.fake.result }
"""


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in the user's cache where the built peer is kept."""
    return builds.cache(environ) / 'opentofu'


def build_peer(environ: Mapping[str, str] = os.environ) -> Path:
    """Build OpenTofu and its provider unless they are there; return their folder.

    Raises subprocess.CalledProcessError when a build fails, EngineMissingError without a Go.
    """
    folder = cache(environ)
    mirror = folder / 'mirror/registry.opentofu.org/hashicorp/random'
    plugin = (
        mirror / PROVIDER_VERSION / 'linux_amd64' / f'terraform-provider-random_v{PROVIDER_VERSION}'
    )
    for package, module, target in (
        (PROVIDER, 'terraform-random', plugin),
        (TOFU, 'opentofu', folder / 'tofu'),
    ):
        if not target.exists():
            _go_build(package, HERE / module, target, environ)
    return folder


def _go_build(package: str, module: Path, target: Path, environ: Mapping[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with under_way() as work:
        go = golang.toolchain(builds.golang_folder(environ), work, environ)
    unfinished = target.with_suffix('.unfinished')
    subprocess.run(
        [go, 'build', *FLAGS, '-ldflags', '-s -w', '-o', str(unfinished), package],
        cwd=module,
        env=golang.build_environment(environ),
        check=True,
        timeout=BUILD_DEADLINE,
    )
    unfinished.rename(target)


class OpenTofu:
    """One configuration, applied, read and destroyed again and again."""

    def __init__(self, folder: Path, peer: Path) -> None:
        """Set a working folder up and initialise it (not part of a cycle)."""
        self._folder = folder
        self._tofu = peer / 'tofu'
        (folder / 'main.tf').write_text(MAIN)
        rc = folder / 'tofu.rc'
        rc.write_text(
            f'provider_installation {{ filesystem_mirror {{ path = "{peer / "mirror"}" }} }}'
        )
        self._environ = {**os.environ, 'TF_CLI_CONFIG_FILE': str(rc), 'CHECKPOINT_DISABLE': '1'}
        self._run('init', '-input=false')

    def cycle(self) -> None:
        """Apply, read the output, destroy."""
        self._run('apply', '-auto-approve', '-input=false')
        assert len(self._run('output', '-raw', 'uuid')) == 36
        self._run('destroy', '-auto-approve', '-input=false')

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._tofu, *arguments],
            cwd=self._folder,
            env=self._environ,
            check=True,
            capture_output=True,
            text=True,
            timeout=STEP_DEADLINE,
        )
        return done.stdout
