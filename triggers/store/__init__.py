"""What lasts of calls: what was decided, which alerts go on, what was received before."""
