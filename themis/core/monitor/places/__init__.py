"""Queues as they show themselves, wherever they are: in the files of a folder, or in the rows of a store."""
