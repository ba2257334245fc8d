"""What warm_pulumi asks of processes."""

from __future__ import annotations

import os
import resource

from warm_pulumi import processes


def test_no_descriptor_is_free() -> None:
    """Where nothing can be opened, how much memory a process occupies is not known."""
    assert processes.resident_bytes(os.getpid()) > 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        found = processes.resident_bytes(os.getpid())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == 0
