"""What can go wrong, one class each; the class's docstring is its message.

An error is raised with facts, not with prose: `raise UnknownRunError(run_id=run_id)`. The facts fill the docstring and
stay readable as attributes. Bad input is a `ValueError` too, a wrong state a `RuntimeError`. `exit_code` is what the
`themis` command ends with.
"""

from typing import Any, ClassVar

from themis.core.masking import mask, masked


class ThemisError(Exception):
    """Something went wrong in Themis."""

    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: Any) -> None:
        """Fill the class's docstring with `facts`, of which none shows a secret that was resolved."""
        facts = {name: masked(value) for name, value in facts.items()}
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)
        template = (self.__doc__ or f"{type(self).__name__}: {facts}").strip()
        super().__init__(mask(template.format_map(facts) if self.__doc__ else template))


class InputError(ThemisError, ValueError):
    """{detail}"""

    exit_code = 2


class StateError(ThemisError, RuntimeError):
    """{detail}"""


class UnavailableError(ThemisError, RuntimeError):
    """{detail}"""

    exit_code = 4


# --- configuration ---------------------------------------------------------------------------------------------------


class ConfigError(InputError):
    """{where}: {detail}"""


class UnknownConfigKeyError(ConfigError):
    """{where}: unknown key {key!r}{nearest}"""


class LiteralSecretError(ConfigError):
    """{where}: {key} holds what looks like a secret; write a reference to it instead, such as ${{MY_KEY}} or env:MY_KEY"""


class UnresolvedReferenceError(ConfigError):
    """{where}: {key}: {reference} would not be replaced here; what stands here is kept, so a secret belongs under a component's `with`"""


class MissingSecretError(ConfigError):
    """{where}: the secret {name} is not set; set it in the environment of the process that runs this"""


class OverrideError(ConfigError):
    """override {override!r}: {detail}; write it as key.path=value"""


# --- components ------------------------------------------------------------------------------------------------------


class ComponentError(InputError):
    """{where}: {reference}: {detail}"""


class UnknownComponentError(ComponentError):
    """{where}: no component {reference!r}{nearest}"""


class ComponentImportError(ComponentError):
    """{where}: cannot import {reference!r}: {detail}"""


class WrongComponentKindError(ComponentError):
    """{where}: {reference!r} is not a {kind}: it has no {missing}"""


class MissingExtraError(ComponentError):
    """{reference} needs the package {package}: pip install '{distribution}[{extra}]'"""


class LiveComponentError(ComponentError):
    """{where}: {reference} is a live object, which a worker in another process cannot load; name it as package.module:name"""


class FingerprintChangedError(StateError):
    """{where}: {reference} is not what the run was compiled with ({difference}); compile it again"""

    exit_code = 2


class ReplayError(ComponentError):
    """{where}: {detail}"""


# --- datasets --------------------------------------------------------------------------------------------------------


class DatasetError(InputError):
    """{where}: {detail}"""


class DuplicateCaseIdError(DatasetError):
    """{where}: case id {case_id!r} is used twice; case ids must be unique within a dataset"""


class DatasetChangedError(DatasetError):
    """{where}: the cases of dataset {dataset_id!r} are not those that the run was made with; restore the file or make a new run"""


# --- runs ------------------------------------------------------------------------------------------------------------


class UnknownRunError(InputError):
    """run {run_id}: not in this store{nearest}"""


class RunExistsError(InputError):
    """run {run_id} exists already ({status}) and runtime.existing_run_policy is "error"; use "auto" to continue it or "rerun" to start afresh"""


class RunBusyError(UnavailableError):
    """run {run}: {holder} has had it in hand{since}, and two of them would pay for each case twice; wait for it (themis run --wait), or stop it first"""


class InvalidArgumentError(InputError):
    """{argument}: {detail}"""


class BadResultError(StateError):
    """{component} returned {found} instead of a {expected}"""


class TimeLimitError(StateError):
    """the time limit of {seconds:g} s is over"""


class ForkedCopyError(StateError):
    """process {pid} is a forked copy of one in which a run goes, and may do nothing of it: {what}; end a forked child by os._exit"""


class RunningLoopError(StateError):
    """{method}() cannot run inside a running event loop; await {method}_async() instead"""


# --- stores ----------------------------------------------------------------------------------------------------------


class StoreError(UnavailableError):
    """{path}: {detail}"""


class StoreBusyError(StoreError):
    """{path}: another process kept the database locked for {seconds:g} s; try again, or raise runtime.store_retry_attempts"""


class StoreCorruptError(StoreError):
    """{path}: not a readable Themis database ({detail}); restore it from a backup, or move it away to start a new one"""


class StoreOutageError(StoreError):
    """{path}: {detail}"""

    # What passes when somebody makes room or mends a disk: no job is to blame for it.


class StoreFullError(StoreOutageError):
    """{path}: the disk is full, or a quota is used up ({detail}); make room, then try again"""


class StoreIOError(StoreOutageError):
    """{path}: the disk cannot be read or written ({detail})"""


class StoreDescriptorsError(StoreOutageError):
    """{path}: cannot be opened: too many files are open (the limit is {limit}); close some, or raise it (ulimit -n)"""


class StoreReadOnlyError(StoreOutageError):
    """{path}: cannot be opened for writing ({detail}); check its permissions and those of its folder"""


class StoreGoneError(StoreOutageError):
    """{path}: was removed, moved or replaced while it was in use; what was written to it since is only where it is now, if it still is: put it back, or run again"""


class NewerSchemaError(StoreError):
    """{path}: written by a newer Themis (schema {found}, this version reads up to {known}); upgrade Themis to open it"""


class UnsettledError(StoreError):
    """job {key}: attempt {attempt} has ended, and that cannot be written down ({detail}); it is given back, charged to nobody"""

    exit_code = 5


class NetworkFilesystemError(UnavailableError):
    """{path}: lies on a network filesystem ({filesystem}), where {reason}; put it on a local disk"""


# --- queue -----------------------------------------------------------------------------------------------------------


class QueueError(UnavailableError):
    """{path}: {detail}"""


class QueueRootError(QueueError, ValueError):
    """{path}: {detail}"""

    exit_code = 2


class QueueElsewhereError(QueueRootError):
    """{path}: {problem}, so nothing is taken or changed; {advice}"""

    # `whereabouts` is its word for programs.


class QueueUnwritableError(QueueRootError):
    """{path}: cannot be written: {detail}; give it room, or this user the right to write there"""

    exit_code = 4


class QueueFileError(QueueRootError):
    """{path}: its queue.json {detail}; themis queue doctor --fix writes it again"""


class NewerQueueFormatError(QueueRootError):
    """{path}: made by a newer Themis (queue format {found}, this version reads up to {known}); upgrade Themis to use it"""


class QueueBusyError(QueueError):
    """{path}: job {key} is in somebody's hands; try again"""


class ClaimLostError(StateError):
    """job {key} is no longer this worker's: it has changed since version {version} was claimed; nothing was written"""


class OtherStoreError(QueueError):
    """{path}: is not the store that the job was submitted for (its id is {found}, expected {expected})"""


class StoreCopyError(InputError):
    """{path}: is a copy of the results store {other}, in which this queue has its jobs; use that one, or another queue: --set runtime.queue_root=..."""


class TagError(InputError):
    """{detail}"""


class JobError(InputError):
    """job {key}: {detail}"""


class UnknownJobError(JobError):
    """job {key}: not in this queue"""


class HiddenJobError(UnknownJobError):
    """job {key}: in no store of this queue that can be opened now; it may be in one that cannot: {unseen}"""

    exit_code = 4


class AmbiguousJobError(JobError):
    """job {key}: that begins the names of several jobs ({matches}); write more of it"""


class JobStateError(JobError):
    """job {key} is {state}: {detail}"""


class ManifestError(InputError):
    """{name}: {detail}"""

    # `reason` is its word for programs, in a rejected file's reason.


class TornManifestError(ManifestError):
    """{name}: not a whole JSON text: {detail}"""


class NewerManifestError(ManifestError):
    """{name}: written by a newer Themis (manifest format {found}, this version reads up to {known}); upgrade Themis to run it"""


# --- workers ---------------------------------------------------------------------------------------------------------


class WorkerNameError(InputError):
    """worker {name!r}: {detail}"""


class ForbiddenAddressError(StateError):
    """{host} is at {address}, a {kind} address, to which nothing is sent"""


class MessageError(StateError):
    """a process of a worker was told what it does not understand: {detail}; if Themis was upgraded meanwhile, restart the worker"""


class IsolationError(InputError):
    """--isolation {isolation} is not possible here: {why}; use --isolation auto, the best that this machine permits"""


class SlotLostError(UnavailableError):
    """slot {slot} was lost and could not be replaced, {times} times in a row: {detail}"""


# --- commands --------------------------------------------------------------------------------------------------------


class ClosedOutputError(InputError):
    """standard output is closed, so that there is nowhere to print to; send it to a file, or to /dev/null"""


class UnwritableOutputError(UnavailableError):
    """standard output cannot be written: {detail}"""
