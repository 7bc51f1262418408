"""Demo: a small complete experiment with generated word problems and simulated models."""

from themis.demo.files import write_demo

__all__ = ["write_demo"]
