"""Those who are told what a run does."""

from typing import Any


class Listener:
    """Hears everything."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.events: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(("before_", "after_")):
            raise AttributeError(name)
        return lambda *arguments: self.calls.append(name)

    def on_event(self, event: Any) -> None:
        self.events.append(event)


class Tracer:
    """Keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []

    def start_span(self, name: str, attributes: dict[str, Any]) -> str:
        assert attributes["run_id"]
        return name

    def end_span(self, span: str, status: str) -> None:
        self.spans.append((span, status))
