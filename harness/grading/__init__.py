"""Graders. Only names and versions here, so that a plan can address a grade step without importing sympy."""

GRADERS = {"typed": 1}  # name -> version; a verdict that could change raises the version, and with it the step's address
