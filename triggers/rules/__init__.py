"""Which calls have what done: one file, checked as a whole."""
