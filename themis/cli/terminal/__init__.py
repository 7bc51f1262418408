"""What commands print and hear at a terminal: tables, progress, streams, times, interrupts."""
