"""Context of prompt templates: what a judge's prompt can be made of, by name."""

from themis.core.base import JSONValue, as_json
from themis.core.contexts import EvalScoreContext
from themis.core.subjects import CandidateSetSubject, ConversationSubject, Subject


def build_prompt_template_context(subject: Subject, ctx: EvalScoreContext) -> dict[str, JSONValue]:
    """Return what is known of a case and of the subject of judgement, for a template of one's own.

    The names are `case_id`, `dataset_id`, `input`, `expected_output`, `metadata`, `parsed_output` (the parsed value),
    `rubric` (that of `evaluation.workflow_overrides`) and `subject_kind`; and, as the subject has them, `candidates`
    (the outputs, in order) with `output` (the first of them), `steps` (of a trace) or `messages` (of a conversation).
    What a subject has not is absent.
    """
    known: dict[str, JSONValue] = {
        "case_id": ctx.case.case_id,
        "dataset_id": ctx.dataset_id,
        "input": ctx.case.input,
        "expected_output": ctx.case.expected_output,
        "metadata": dict(ctx.case.metadata),
        "parsed_output": ctx.parsed_output.value,
        "rubric": ctx.eval_workflow_config.get("rubric"),
        "subject_kind": subject.kind,
    }
    if isinstance(subject, CandidateSetSubject):
        outputs: list[JSONValue] = [candidate.final_output for candidate in subject.candidates]
        return {**known, "candidates": outputs, "output": outputs[0]}
    if isinstance(subject, ConversationSubject):
        return {**known, "messages": [as_json(message) for message in subject.conversation.messages]}
    return {**known, "steps": [as_json(step) for step in subject.trace.steps]}
