//! The second, independent side: boto3, the aws CLI and the moto server, driven by pytest in `tests/clients/`.

use crate::support;

#[test]
#[ignore = "needs Python with moto, boto3, the aws CLI and pytest: `bash .ci/run` makes them a venv and runs this"]
fn real_clients_and_this_program_agree() {
    let status = support::python()
        .args(["-m", "pytest", "--color=no", "-p", "no:cacheprovider"])
        .arg(support::repository().join("tests/clients"))
        .env("EVENTBUS_BIN", support::binary())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status()
        .expect("`EVENTBUS_TEST_PYTHON`, or `python3`, is a Python");
    assert!(status.success(), "pytest failed: {status}");
}
