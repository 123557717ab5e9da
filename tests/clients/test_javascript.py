"""The AWS SDK for JavaScript (tests/clients/js) against `eventbus local serve`. What it proves stands at the head of its file."""

import re
import subprocess

from conftest import PATIENCE, REPOSITORY, TARGET, hermetic, node


def test_the_javascript_sdk_goes_the_full_cycle(served, place):
    modules = TARGET / "clients-js/node_modules"
    assert modules.is_dir(), f"{modules} is missing: `bash .ci/run clients` installs it"
    env = hermetic(place / "home", EVENTBUS_URL=served.url, NODE_PATH=str(modules))
    command = [node(), "--test", REPOSITORY / "tests/clients/js/cycle.test.js"]
    done = subprocess.run(command, env=env, cwd=place, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\S+ pass 9$", done.stdout, re.MULTILINE), f"not all nine were run:\n{done.stdout}"
