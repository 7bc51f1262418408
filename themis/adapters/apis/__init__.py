"""APIs of providers, pure functions of each: the body of a request, the answer in a reply, the reply in a stream."""
