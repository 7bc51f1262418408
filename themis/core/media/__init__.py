"""Images, sounds and documents of prompts: named by their content, kept in a folder, sent when a model is asked."""
