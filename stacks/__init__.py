"""The platform's domain: programs, and the stacks that last. It knows nothing of HTTP."""
