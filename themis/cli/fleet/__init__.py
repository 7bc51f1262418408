"""`themis fleet`: workers that a cluster's own scheduler places."""
