"""The worker's environment is small: what runs a stream may import nothing that only an extra brings."""

import subprocess
import sys

EXTRAS = ("tensorflow", "keras", "scipy", "sklearn", "pyarrow", "matplotlib", "light_curve", "nifty_ls", "astropy")


def test_the_stream_needs_no_extra() -> None:
    block = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS}))"
    use = "from starsieve.broker import cli, worker; from starsieve.broker.tools import demo, replay, tail"
    check = "from starsieve.models.serving import registry; " + "registry.load('ztf')"
    result = subprocess.run(
        [sys.executable, "-c", "; ".join((block, use, check))], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
