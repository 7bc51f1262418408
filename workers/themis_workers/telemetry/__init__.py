"""Telemetry of a worker: for systemd, health probes and Prometheus, and in its log."""
