"""Graders. Only names and versions here, so that a plan can address a grade step without importing sympy."""

# Name -> version; a verdict that could change raises the version, and with it the step's address. `code` grades programs by whatever
# tests their problem carries; the others are ways to grade a mathematical answer.
GRADERS = {"typed": 2, "math-verify": 1, "string": 1, "amo": 1, "code": 1}
MATH = ("typed", "math-verify", "string", "amo")

# Verdicts that are the machinery's, not the model's: left out of every count and reported, never scored as wrong.
UNGRADED = ("grader_error", "infra_error")
