"""Everything that is set up before the service or its tests can run.

Standard library only, because it runs before anything is installed.
"""

import engine  # noqa: F401  It tells where Python is too old, before other modules fail at that.
