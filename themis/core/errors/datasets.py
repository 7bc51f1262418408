"""Errors of datasets and their cases."""

from themis.core.errors.base import InputError


class DatasetError(InputError):
    """{where}: {detail}"""


class DuplicateCaseIdError(DatasetError):
    """{where}: case id {case_id!r} is used twice; case ids must be unique within a dataset"""


class DatasetChangedError(DatasetError):
    """{where}: the cases of dataset {dataset_id!r} have changed since the run was made; restore the file or make a new run"""
