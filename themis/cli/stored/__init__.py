"""Commands on runs that are stored: done again, handed on, compared."""
