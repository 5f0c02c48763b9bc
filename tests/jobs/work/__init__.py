"""A Django app with job kinds for tests, loaded by the worker processes that the tests start."""
