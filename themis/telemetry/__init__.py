"""Traces, metrics and scores of runs by OpenTelemetry, in the words of its conventions for generative AI.

Needs the extra `otel`. Above the core, which only knows the name of `watching`: a run that is not traced imports
nothing of this.
"""
