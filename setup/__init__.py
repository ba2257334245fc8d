"""Everything that is set up before the service or its tests can run.

Standard library only, because it runs before anything is installed.
"""
