"""opd-harness: which on-policy distillation method really works."""

__version__ = "0.1.0"
