"""Files written and read with care: they outlive a crash, and no link or pipe leads astray."""
