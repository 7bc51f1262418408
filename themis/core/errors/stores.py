"""Errors of a store."""

from themis.core.errors.base import UnavailableError


class StoreError(UnavailableError):
    """{path}: {detail}"""


class StoreMissingError(StoreError):
    """{path}: is not there"""


class StoreBusyError(StoreError):
    """{path}: another process kept the database locked for {seconds:g} s; try again, or raise runtime.store_retry_attempts"""


class StoreCorruptError(StoreError):
    """{path}: not a readable Themis database ({detail}); restore it from a backup, or move it away to start a new one"""


class StoreOutageError(StoreError):
    """{path}: {detail}"""

    # Passes once somebody frees space or repairs the disk: no job is to blame for it.


class StoreFullError(StoreOutageError):
    """{path}: the disk is full, or a quota is used up ({detail}); free some space, then try again"""


class StoreIOError(StoreOutageError):
    """{path}: the disk cannot be read or written ({detail})"""


class StoreDescriptorsError(StoreOutageError):
    """{path}: cannot be opened: too many files are open (the limit is {limit}); close some, or raise it (ulimit -n)"""


class OpenFilesError(UnavailableError):
    """a run cannot begin: too many files are open (the limit is {limit}); close some, or raise it (ulimit -n)"""


class StoreReadOnlyError(StoreOutageError):
    """{path}: cannot be opened for writing ({detail}); check its permissions and those of its folder"""


class StoreGoneError(StoreOutageError):
    """{path}: was removed, moved or replaced while it was in use; results written since then are only in the moved file, if it still exists: put it back, or run again"""


class StoreAwayError(StoreOutageError):
    """{path}: the database server cannot be reached ({detail}); check that it runs and that this machine can connect to it"""

    # Also for a server that is being restarted, and for one that has no room for another connection.


class StoreAccessError(StoreOutageError):
    """{path}: the database server refuses this user ({detail}); check the user, the password and the rights of its role"""


class NewerSchemaError(StoreError):
    """{path}: written by a newer Themis (schema {found}, this version reads up to {known}); upgrade Themis to open it"""


class UnsettledError(StoreError):
    """job {key}: attempt {attempt} has ended, but its end cannot be recorded ({detail}); it is given back, charged to nobody"""

    exit_code = 5


class NetworkFilesystemError(UnavailableError):
    """{path}: is on a network filesystem ({filesystem}), where {reason}; put it on a local disk"""
