"""The HTTP machinery around the routes: access, errors, logs, health."""
