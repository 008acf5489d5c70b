"""What names the code that made what is kept between runs."""

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[1]  # of all our packages


@cache
def code_of(*packages: str) -> str:
    """Names the source code of our packages, with all that is below them: another version has another name."""
    digest = hashlib.sha256()
    for package in packages:
        for source in sorted((_ROOT / package).rglob("*.py")):
            content = source.read_bytes()
            digest.update(f"{source.relative_to(_ROOT).as_posix()}:{len(content)}:".encode() + content)
    return digest.hexdigest()
