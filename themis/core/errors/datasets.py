"""Errors of datasets and their cases."""

from themis.core.errors.base import InputError, UnavailableError


class DatasetError(InputError):
    """{where}: {detail}"""


class DuplicateCaseIdError(DatasetError):
    """{where}: case id {case_id!r} is used twice; case ids must be unique within a dataset"""


class DatasetChangedError(DatasetError):
    """{where}: the cases of dataset {dataset_id!r} have changed since the run was made; restore the file or make a new run"""


class HubUnavailableError(UnavailableError):
    """{where}: the Hugging Face hub at {endpoint} cannot be reached: {detail}; check the network, set HF_HUB_OFFLINE=1 to use what was downloaded before, or give a file with the cases as `path`"""

    retryable = True


class MediaError(InputError):
    """{where}: {detail}"""
