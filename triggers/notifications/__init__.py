"""Who is told of what happens, as the settings say, until they have it."""
