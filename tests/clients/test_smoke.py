"""The parts are there: the program, the moto server, boto3 and the aws CLI, each answering for itself."""

import json
import subprocess

from conftest import ACCOUNT_MOTO, PATIENCE, forget, hermetic, tool


def test_the_program_answers_with_its_version(program):
    assert program.run("--version").returncode == 0


def test_moto_answers_boto3_and_forgets_between_tests(moto):
    assert moto.sts.get_caller_identity()["Account"] == ACCOUNT_MOTO
    moto.sns.create_topic(Name="left-behind")
    forget(moto.url)
    assert moto.sns.list_topics()["Topics"] == []


def test_the_aws_cli_answers_and_finds_no_credentials_of_the_machine(moto, place):
    env = hermetic(place / "home", AWS_PAGER="")
    asked = [tool("aws"), "--endpoint-url", moto.url, "--region", "us-east-1", "sts", "get-caller-identity"]
    refused = subprocess.run(asked, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert refused.returncode != 0 and "credentials" in refused.stderr
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    answered = subprocess.run(asked, env=env | keys, capture_output=True, text=True, timeout=PATIENCE)
    assert json.loads(answered.stdout)["Account"] == ACCOUNT_MOTO, answered.stderr
