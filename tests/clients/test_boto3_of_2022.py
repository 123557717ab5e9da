"""boto3 1.24, which speaks the Query protocol to SQS, passes the very tests that today's boto3 passes.

They run in an environment of its own, since one Python holds one boto3. Not here: moto (it would need that boto3, too); today's
boto3 asks it the same.
"""

import os
import subprocess

from conftest import PATIENCE, REPOSITORY, TARGET, binary, hermetic


def test_the_boto3_of_2022_passes_the_same_tests(place):
    python = TARGET / "clients-venv-2022/bin/python"
    assert python.exists(), f"{python} is missing: `bash .ci/run clients` makes that environment"
    env = hermetic(place / "home", EVENTBUS_BIN=os.path.abspath(binary()), TMPDIR=str(place))
    version = [python, "-c", "import boto3; print(boto3.__version__)"]
    assert subprocess.check_output(version, env=env, text=True).startswith("1.24.")
    tests = [REPOSITORY / "tests/clients" / name for name in ("test_boto3.py", "test_fifo_and_moves.py")]
    pytest = [python, "-m", "pytest", "--color=no", "-p", "no:cacheprovider", "-k", "not moto", *tests]
    done = subprocess.run(pytest, env=env, cwd=place, capture_output=True, text=True, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
