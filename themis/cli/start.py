"""Start of the `themis` command: before anything of it is loaded, Ctrl-C is one line and never a traceback."""

import os

try:
    from themis.cli.terminal import early_interrupts
except KeyboardInterrupt:
    os.write(2, b"themis: interrupted\n")
    os._exit(130)


def main() -> int:
    """Run the command line of this process, and return the exit code."""
    try:
        early_interrupts.catch()
        from themis.cli.main import main as run_command

        code = run_command()
        early_interrupts.catch()  # while the interpreter shuts down
    except KeyboardInterrupt:  # another one, while the first was being reported
        early_interrupts.end_at_once()
        raise
    return code
