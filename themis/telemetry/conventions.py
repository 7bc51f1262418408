"""Names of OpenTelemetry's conventions for generative AI, and our own beside them.

Attributes and metrics have the names of the installed package. Names of events, and bounds of histograms, are in none:
these are those of the conventions' pages.
"""

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes, exception_attributes, server_attributes

CHAT = gen_ai.GenAiOperationNameValues.CHAT.value
TEXT_COMPLETION = gen_ai.GenAiOperationNameValues.TEXT_COMPLETION.value
INVOKE_WORKFLOW = gen_ai.GenAiOperationNameValues.INVOKE_WORKFLOW.value
INPUT = gen_ai.GenAiTokenTypeValues.INPUT.value
OUTPUT = gen_ai.GenAiTokenTypeValues.OUTPUT.value
JSON_OUTPUT = gen_ai.GenAiOutputTypeValues.JSON.value

EVALUATION_RESULT = "gen_ai.evaluation.result"
"""Event: what a metric gave for an answer."""

OPERATION_DETAILS = "gen_ai.client.inference.operation.details"
"""Event: the messages of a call, where they are wanted beside its span."""

TOKEN_BOUNDS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""Upper bounds of the histogram of tokens."""

DURATION_BOUNDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Upper bounds of the histogram of durations, in seconds."""

RUN = "themis.run"
CASE = "themis.case"
RETRY = "themis.retry"
"""Event of a call's span: a try that failed and was followed by another one."""

RUN_ID = "themis.run.id"
RUN_STATUS = "themis.run.status"
CASE_ID = "themis.case.id"
DATASET_ID = "themis.dataset.id"
CANDIDATE_INDEX = "themis.candidate.index"
METRIC_ID = "themis.metric.id"
JUDGE_CALL_ID = "themis.judge.call_id"
IS_BATCHED = "themis.batched"
RETRY_COUNT = "themis.retry.count"
RETRY_NUMBER = "themis.retry.number"

__all__ = [
    "CANDIDATE_INDEX",
    "CASE",
    "CASE_ID",
    "CHAT",
    "DATASET_ID",
    "DURATION_BOUNDS",
    "EVALUATION_RESULT",
    "INPUT",
    "INVOKE_WORKFLOW",
    "IS_BATCHED",
    "JSON_OUTPUT",
    "JUDGE_CALL_ID",
    "METRIC_ID",
    "OPERATION_DETAILS",
    "OUTPUT",
    "RETRY",
    "RETRY_COUNT",
    "RETRY_NUMBER",
    "RUN",
    "RUN_ID",
    "RUN_STATUS",
    "TEXT_COMPLETION",
    "TOKEN_BOUNDS",
    "error_attributes",
    "exception_attributes",
    "gen_ai",
    "gen_ai_metrics",
    "server_attributes",
]
