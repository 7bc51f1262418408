"""Public import path of the functions that make datasets."""

from themis.core.datasets.inputs import (
    dataset_from_cases,
    dataset_from_huggingface,
    dataset_from_inline,
    dataset_from_jsonl,
)

__all__ = ["dataset_from_cases", "dataset_from_huggingface", "dataset_from_inline", "dataset_from_jsonl"]
