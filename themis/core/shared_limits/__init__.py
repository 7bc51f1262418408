"""Limits of providers that processes of this host know of each other: one small file for each provider.

limits/<hash>.json    the operator's settings, and the processes whose runs ask the provider
limits/<hash>.lock    held while that file is changed
limits/<hash>-<account>.quota    limits that the processes with one key share, on this host since its last start
limits/salt           random bytes of the hashes of keys

Each reader and writer of a file drops the processes that are dead. A file in which nothing is left is removed.
"""
