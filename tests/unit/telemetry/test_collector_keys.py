"""Keys for a collector are masked, and other values of its headers are not."""

from themis.core.text import masking
from themis.telemetry.collector_keys import mask_keys

PASSWORD = "pw-2Rt7Yz9K"  # noqa: S105  # made up
TOKEN = "hc-9f3Kx27PqLs64ZtVbN18mHyW"  # noqa: S105  # made up
SHORT = "k3y-of-us"


def test_keys_in_headers_and_addresses_are_masked_and_other_values_are_not() -> None:
    mask_keys(
        {
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-team={TOKEN}, x-tenant=production,api-key={SHORT},broken",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"authorization=Bearer%20{TOKEN[::-1]}",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"https://me:{PASSWORD}@collector/v1/traces",
        }
    )
    masked = masking.mask(f"{TOKEN} {TOKEN[::-1]} {SHORT} {PASSWORD} production")
    assert masked == (
        "[secret OTEL_EXPORTER_OTLP_HEADERS] [secret OTEL_EXPORTER_OTLP_LOGS_HEADERS]"
        " [secret OTEL_EXPORTER_OTLP_HEADERS] [secret OTEL_EXPORTER_OTLP_TRACES_ENDPOINT] production"
    )


def test_an_environment_without_keys_masks_nothing() -> None:
    mask_keys({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"})
    assert masking.is_idle()
