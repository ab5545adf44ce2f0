"""The command line: arguments in `harness.arguments`, work in `harness.commands`, each imported when it is asked for."""

import contextlib
import errno
import gc
import importlib
import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from harness import config, named_files, paths, secret, stopping
from harness.arguments import parser
from tasks.errors import InputError

DONE, TOO_MANY_ERRORS, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

NEXT = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "make room, then type the same command again to continue"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "type the command with a place that you may read and write"),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST), "name another path"),
}
"""What a user can do about an error of the disk."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 more failed samples than `--max-errors`, 2 bad usage or input.

    Without arguments this process is the command: it takes those of the process, and its signals.
    """
    if arguments is None:
        stopping.install()
        # Replies and answers are many small objects without circles, and live to the end: looking for circles takes a tenth.
        gc.set_threshold(300_000, 20, 20)
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Names of files can be of bytes that are no text.
            sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = config.parse(parser, arguments, sys.argv[1:] if arguments is None else arguments)
    except InputError as error:
        sys.stderr.write(f"harness: bad input\n{secret.redact(secret.hidden(str(error)), secret.of(Namespace()))}\n")
        return BAD_INPUT
    try:
        named_files.use(options.include, options.annotations)
        paths.check(options)
        code = int(importlib.import_module(f"harness.commands.{options.command}").main(options))
        sys.stdout.flush()
        return code
    except InputError as error:
        if options.debug:
            raise
        message = secret.redact(secret.hidden(str(error)), secret.of(options))
        sys.stderr.write(f"harness {options.command}: bad input\n{message}\n")
    except BrokenPipeError:
        if not _is_read_no_more():
            raise
        return DONE
    except OSError as error:
        if options.debug or error.errno not in NEXT:
            raise
        sys.stderr.write(f"harness {options.command}: {error}\nnext:     {NEXT[error.errno]}\n")
    except KeyboardInterrupt as stop:
        # A terminal that was closed takes no more words.
        with contextlib.suppress(OSError):
            sys.stderr.write("\nstopped; type the same command to continue\n")
        return stop.code if isinstance(stop, stopping.Stopped) else INTERRUPTED
    return BAD_INPUT


def _is_read_no_more() -> bool:
    """Whether who reads what is printed has read enough, as `head` does; then nothing more is printed."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
