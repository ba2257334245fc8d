"""Stacks that requests borrow, one request at a time, and that live as long as a request."""
