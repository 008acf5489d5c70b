"""How a command can fail, whatever it does: two errors, two exit codes."""

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2


class CommandError(Exception):
    """The command failed while it ran; the message says what to do."""

    exit_code = EXIT_FAILED


class UsageError(CommandError):
    """What was typed or set cannot be used: options that contradict, a path that does not hold what it should."""

    exit_code = EXIT_WRONG_USAGE
