"""Shipped generators."""
