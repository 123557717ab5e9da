//! The second, independent side: boto3 of today and of 2022, the aws CLI, Celery, the AWS SDK for JavaScript and the moto server,
//! driven by pytest in `tests/clients/`.

use crate::support;

#[test]
#[ignore = "needs Python with what tests/clients/requirements.txt names: `bash .ci/run` makes it a venv and runs this"]
fn real_clients_and_this_program_agree() {
    let status = support::python()
        // More at once than there are cores: most of them wait.
        .args("-m pytest --color=no -p no:cacheprovider -n 3 --dist worksteal --durations=10".split(' '))
        .arg(support::repository().join("tests/clients"))
        .env("EVENTBUS_BIN", support::binary())
        // Many short processes: their bytecode is kept, beside the build and never in the repository.
        .env("PYTHONPYCACHEPREFIX", concat!(env!("CARGO_TARGET_TMPDIR"), "/python"))
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .status()
        .expect("`EVENTBUS_TEST_PYTHON`, or `python3`, is a Python");
    assert!(status.success(), "pytest failed: {status}");
}
