"""Runs: the stacks that requests borrow, how Pulumi is driven in them, and their recovery."""
