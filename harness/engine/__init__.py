"""The shared distillation engine. It reads a method's answers; it knows no method by name."""
