"""`themis queue watch`: what a queue does now, drawn again and again."""
