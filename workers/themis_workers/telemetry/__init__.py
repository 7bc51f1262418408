"""What a worker says about itself: to systemd, to probes, to Prometheus, and in its log."""
