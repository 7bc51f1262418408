"""The shipped components. Each id maps to where its class is, so that naming one loads no other."""

BUILTINS: dict[str, str] = {
    "builtin/demo_generator": "themis.core.builtins.demo_generator:DemoGenerator",
    "builtin/replay_generator": "themis.core.builtins.replay_generator:ReplayGenerator",
    "builtin/majority_vote": "themis.core.builtins.majority_vote:MajorityVote",
    "builtin/json_identity": "themis.core.builtins.json_identity:JsonIdentity",
    "builtin/text": "themis.core.builtins.text:Text",
    "builtin/choice_letter": "themis.core.builtins.choice_letter:ChoiceLetter",
    "builtin/math_answer": "themis.core.builtins.math_answer:MathAnswer",
    "builtin/code_text": "themis.core.builtins.code_text:CodeText",
    "builtin/exact_match": "themis.core.builtins.exact_match:ExactMatch",
    "builtin/f1": "themis.core.builtins.f1:F1",
    "builtin/bleu": "themis.core.builtins.bleu:Bleu",
    "builtin/choice_accuracy": "themis.core.builtins.choice_accuracy:ChoiceAccuracy",
    "builtin/math_equivalence": "themis.core.builtins.math_equivalence:MathEquivalence",
}

__all__ = ["BUILTINS"]
