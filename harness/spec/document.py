"""The YAML reader under its earlier name; it lives in `harness.document`, below the catalogue that uses it too."""

from harness.document import did_you_mean

__all__ = ["did_you_mean"]
