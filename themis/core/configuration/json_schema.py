"""JSON Schema of config files, for editors that complete and check while somebody types."""

from typing import Any

from themis.core.config import ExperimentConfig
from themis.core.configuration.named_benchmark import NamedBenchmark

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FILE = "themis.schema.json"
"""Usual name of a file with it, beside a config file."""

SCHEMA_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""First line of a config file by which editors find the schema beside it."""


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of an experiment in a file."""
    document = ExperimentConfig.model_json_schema(by_alias=True)
    named = NamedBenchmark.model_json_schema(by_alias=True)
    document["$defs"] |= named.pop("$defs", {}) | {NamedBenchmark.__name__: named}
    items = document["properties"]["datasets"]["items"]
    document["properties"]["datasets"]["items"] = {"anyOf": [items, {"$ref": f"#/$defs/{NamedBenchmark.__name__}"}]}
    # A file may omit its storage (the default is SQLite, beside the file), and what a named benchmark brings.
    document["required"] = [key for key in document["required"] if key not in {"storage", "evaluation"}]
    return {"$schema": SCHEMA_DIALECT, **document, "title": "A Themis experiment"}
