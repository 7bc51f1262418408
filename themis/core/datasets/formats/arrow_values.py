"""Values of Arrow's columns as those of JSON."""

import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


def json_of(value: Any) -> Any:
    """Return a value as one of JSON: None for NaN, texts for dates, times and decimal numbers.

    Bytes stay bytes, which no field of a case takes.
    """
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return [json_of(item) for item in value]
    if isinstance(value, dict):
        return {key: json_of(item) for key, item in value.items()}
    return value
