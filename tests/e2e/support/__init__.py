"""Helpers of the end-to-end tests: everything talks to the real install over its public interfaces."""
