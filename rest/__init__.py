"""The platform over HTTP, `/v1`: JSON in, one call into stacks/, JSON out."""
