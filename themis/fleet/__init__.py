"""Fleets: ordinary workers that Slurm, Kubernetes or Ray place, start and end.

An engine of a cluster finds a machine; what runs there is `themis worker start`. A fleet has no state of its own: its
name is in the names of the engine's jobs, pods and actors, and the engine is asked what there is.
"""
