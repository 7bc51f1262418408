"""Limits of providers that processes of this host know of each other: one small file for each provider.

limits/<hash>.json    the operator's settings, and the processes whose runs ask the provider
limits/<hash>.lock    held while that file is changed

Each reader and writer of a file drops the processes that are dead. A file in which nothing is left is removed.
"""
