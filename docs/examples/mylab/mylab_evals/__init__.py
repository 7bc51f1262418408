"""Components and a dataset for Themis, offered as entry points of this package."""
