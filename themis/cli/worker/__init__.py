"""`themis worker`: one experiment from the queue, or all that come."""
