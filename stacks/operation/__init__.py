"""One operation on a stack, as Pulumi does it and as people see it."""
