"""Workers as actors of Ray, and an actor that starts as many as the jobs call for."""
