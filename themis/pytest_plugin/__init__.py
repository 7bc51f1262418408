"""Plug-in of pytest: a test for each case of an experiment, and the gate's verdict as the exit code.

The only room that imports pytest. That loads `options` by an entry point; the others when options ask for them.
"""
