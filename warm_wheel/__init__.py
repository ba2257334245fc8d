"""The wheels of `warm_pulumi`: one with the executables in it for this platform, and a pure one."""
