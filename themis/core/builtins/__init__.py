"""Shipped components. Each id maps to the location of its class, so that naming one loads no other."""

BUILTINS: dict[str, str] = {
    "builtin/demo_generator": "themis.core.builtins.generators.demo:DemoGenerator",
    "builtin/replay_generator": "themis.core.builtins.generators.replay:ReplayGenerator",
    "builtin/majority_vote": "themis.core.builtins.reducers.majority_vote:MajorityVote",
    "builtin/json_identity": "themis.core.builtins.parsers.json_identity:JsonIdentity",
    "builtin/text": "themis.core.builtins.parsers.text:Text",
    "builtin/choice_letter": "themis.core.builtins.parsers.choice_letter:ChoiceLetter",
    "builtin/math_answer": "themis.core.builtins.parsers.math_answer:MathAnswer",
    "builtin/code_text": "themis.core.builtins.parsers.code_text:CodeText",
    "builtin/exact_match": "themis.core.builtins.metrics.exact_match:ExactMatch",
    "builtin/f1": "themis.core.builtins.metrics.f1:F1",
    "builtin/bleu": "themis.core.builtins.metrics.bleu:Bleu",
    "builtin/choice_accuracy": "themis.core.builtins.metrics.choice_accuracy:ChoiceAccuracy",
    "builtin/math_equivalence": "themis.core.builtins.metrics.math_equivalence:MathEquivalence",
}

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

__all__ = ["BUILTINS", "GENERATORS"]
