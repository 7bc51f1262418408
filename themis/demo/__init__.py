"""A small real experiment to look at: word problems that the project makes, and models that it simulates."""

from themis.demo.files import write_demo

__all__ = ["write_demo"]
