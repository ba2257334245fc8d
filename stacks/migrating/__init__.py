"""Migrations as the platform has them: ordered, done as runs, and told how far they are."""
