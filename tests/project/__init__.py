"""Tests that hold the project to its own papers: documents, settings, dependencies, wording."""
