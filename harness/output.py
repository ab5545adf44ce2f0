"""Files that a user asks for by name."""

import errno
import os
from pathlib import Path

from tasks.errors import InputError


def write(output: Path, content: bytes) -> None:
    """Write a file; a reader sees the old or the new one whole. Raises InputError where it cannot be written."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        if output.exists() and not output.is_file():
            # To replace a device would take it from every program.
            raise OSError(errno.EINVAL, "no regular file")
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            temporary.replace(output)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            "a file that can be written",
            f"{output}: {error.strerror}",
            "type the command again with --output FILE, in a folder that you may write to",
        ) from error
