"""Completions that were made elsewhere, one JSON object a line: read, graded, kept while they are graded, and written back."""
