"""Shipped components. Each id maps to the location of its class, so that naming one loads no other."""

BUILTINS_BY_KIND: dict[str, dict[str, str]] = {
    "generator": {
        "builtin/demo_generator": "themis.core.builtins.generators.demo:DemoGenerator",
        "builtin/replay_generator": "themis.core.builtins.generators.replay:ReplayGenerator",
    },
    "selector": {
        "builtin/best_of_n": "themis.core.builtins.selectors.best_of_n:BestOfN",
    },
    "reducer": {
        "builtin/majority_vote": "themis.core.builtins.reducers.majority_vote:MajorityVote",
    },
    "parser": {
        "builtin/json_identity": "themis.core.builtins.parsers.json_identity:JsonIdentity",
        "builtin/text": "themis.core.builtins.parsers.text:Text",
        "builtin/choice_letter": "themis.core.builtins.parsers.choice_letter:ChoiceLetter",
        "builtin/math_answer": "themis.core.builtins.parsers.math_answer:MathAnswer",
        "builtin/code_text": "themis.core.builtins.parsers.code_text:CodeText",
        "builtin/regex": "themis.core.builtins.parsers.regex:Regex",
        "builtin/json_path": "themis.core.builtins.parsers.json_path:JsonPath",
        "builtin/xml_tag": "themis.core.builtins.parsers.xml_tag:XmlTag",
        "builtin/last_number": "themis.core.builtins.parsers.last_number:LastNumber",
        "builtin/strip_reasoning": "themis.core.builtins.parsers.strip_reasoning:StripReasoning",
        "builtin/until": "themis.core.builtins.parsers.until:Until",
        "builtin/tool_calls": "themis.core.builtins.parsers.tool_calls:ToolCalls",
        "builtin/first_of": "themis.core.builtins.parsers.combined:FirstOf",
        "builtin/chain": "themis.core.builtins.parsers.combined:Chain",
    },
    "metric": {
        "builtin/exact_match": "themis.core.builtins.metrics.exact_match:ExactMatch",
        "builtin/procbench_final_accuracy": (
            "themis.core.builtins.metrics.procbench_final_accuracy:ProcbenchFinalAccuracy"
        ),
        "builtin/f1": "themis.core.builtins.metrics.f1:F1",
        "builtin/bleu": "themis.core.builtins.metrics.translation:Bleu",
        "builtin/chrf": "themis.core.builtins.metrics.translation:Chrf",
        "builtin/ter": "themis.core.builtins.metrics.translation:Ter",
        "builtin/rouge": "themis.core.builtins.metrics.rouge:Rouge",
        "builtin/edit_distance": "themis.core.builtins.metrics.edit_distance:EditDistance",
        "builtin/contains": "themis.core.builtins.metrics.contains:Contains",
        "builtin/regex_match": "themis.core.builtins.metrics.regex_match:RegexMatch",
        "builtin/numeric_tolerance": "themis.core.builtins.metrics.numeric_tolerance:NumericTolerance",
        "builtin/classification": "themis.core.builtins.metrics.classification:Classification",
        "builtin/choice_accuracy": "themis.core.builtins.metrics.choice_accuracy:ChoiceAccuracy",
        "builtin/math_equivalence": "themis.core.builtins.metrics.math_equivalence:MathEquivalence",
        "builtin/ifeval": "themis.core.builtins.metrics.ifeval:IFEval",
        "builtin/json_schema": "themis.core.builtins.metrics.json_schema:JsonSchema",
        "builtin/tool_call_match": "themis.core.builtins.metrics.tool_call_match:ToolCallMatch",
        "builtin/acc": "themis.core.builtins.metrics.continuation_accuracy:Acc",
        "builtin/acc_norm": "themis.core.builtins.metrics.continuation_accuracy:AccNorm",
        "builtin/mc2": "themis.core.builtins.metrics.right_probability:RightProbability",
        "builtin/llm_rubric": "themis.core.builtins.judged.llm_rubric:LLMRubric",
        "builtin/pairwise_judge": "themis.core.builtins.judged.pairwise_judge:PairwiseJudge",
        "builtin/panel_of_judges": "themis.core.builtins.judged.panel_of_judges:PanelOfJudges",
        "builtin/majority_vote_judge": "themis.core.builtins.judged.majority_vote_judge:MajorityVoteJudge",
        "builtin/perplexity": "themis.core.builtins.metrics.perplexity:Perplexity",
        # Above the others, with the readers of files.
        "builtin/precomputed": "themis.core.score_files.precomputed:Precomputed",
    },
    "judge": {
        "builtin/demo_judge": "themis.core.builtins.judges.demo_judge:DemoJudge",
    },
}
"""The built-ins of each kind of component."""

BUILTINS: dict[str, str] = {use: place for of_kind in BUILTINS_BY_KIND.values() for use, place in of_kind.items()}

_GENERATORS: dict[str, str] = {
    "openai": "OpenAIGenerator",
    "anthropic": "AnthropicGenerator",
    "vllm": "VLLMGenerator",
    "langgraph": "LangGraphGenerator",
    "litellm": "LiteLLMGenerator",
    "callable": "CallableGenerator",
}

GENERATORS: dict[str, str] = {
    **{name: f"themis.adapters.{name}:{kind}" for name, kind in _GENERATORS.items()},
    **{f"generator/{name}": f"themis.adapters.{name}:{kind}" for name, kind in _GENERATORS.items()},
    "builtin/callable": "themis.adapters.callable:CallableGenerator",
}
"""Generators that ask a model. They are above the core, which only knows where they are."""

__all__ = ["BUILTINS", "BUILTINS_BY_KIND", "GENERATORS"]
