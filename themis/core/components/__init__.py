"""Components: from what a user names to the object that does the work, and what decides its identity."""
