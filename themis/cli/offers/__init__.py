"""Words that are offered: completions while somebody types, and what a mistyped option may have meant."""
