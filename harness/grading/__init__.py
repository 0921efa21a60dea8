"""Graders. Only names and versions here, so that a plan can address a grade step without importing sympy."""

GRADERS = {"typed": 1}  # name -> version; a verdict that could change raises the version, and with it the step's address

# Verdicts that are the machinery's, not the model's: left out of every count and reported, never scored as wrong.
UNGRADED = ("grader_error",)
