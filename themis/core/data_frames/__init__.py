"""Tables of pandas: cases in, scores out. pandas is an extra, and imported only when a table is made."""
