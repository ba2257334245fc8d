"""Which run is done when, by which of the services, and what happens when one of these dies."""
