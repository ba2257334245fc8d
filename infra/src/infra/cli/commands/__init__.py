"""The commands of `infra`, one file for each noun."""
