"""Limits that processes of a host share: each takes slices of the quotas and a part of the calls in flight.

`exchange` is the one rule: a process says what it has and wants, and what it may have follows from what all say. Where
the limits are kept, in memory or in a file of all processes, is the ledger's concern.
"""
