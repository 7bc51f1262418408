"""Workers as elements of Slurm's array jobs."""
