"""What lasts: stacks, runs and their logs, in one database that is the truth about them."""
