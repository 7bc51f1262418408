"""Shipped reducers."""
