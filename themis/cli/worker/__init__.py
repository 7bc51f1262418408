"""`themis worker`: running experiments from the queue, and administration of workers."""
