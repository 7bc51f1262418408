"""Log-likelihoods of continuations from completion endpoints: by their echo, or by force."""
