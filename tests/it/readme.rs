//! Every command of the README's tour, run as written, in order, in one empty folder.

use std::fs;

use crate::support::{TestEnv, binary, repository};

/// The `$ ` lines of the `console` blocks, each with the exit code that a trailing `# exit N` announces.
fn tour(readme: &str) -> Vec<(String, i32)> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            line if inside => {
                let line = line.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {line}"));
                let (command, code) = match line.rsplit_once("# exit ") {
                    Some((command, code)) => (command.trim(), code.trim().parse().expect("an exit code")),
                    None => (line, 0),
                };
                commands.push((command.to_owned(), code));
            }
            _ => {}
        }
    }
    commands
}

#[test]
fn every_command_of_the_tour_does_what_the_readme_says() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let commands = tour(&readme);
    assert!(commands.len() >= 12, "the tour is shorter than it was: {commands:?}");
    let folder = binary().parent().unwrap().display().to_string();
    let env = TestEnv::new().with_env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin"));
    for (command, code) in commands {
        let _shown = env.script(&command).run().expect_code(code);
    }
}

#[test]
fn the_other_blocks_hold_only_commands_that_are_tested_elsewhere() {
    // `demo` has its test in init.rs, `cargo test` is this very run, and the server's lines are in the client tests.
    let known = [
        "cargo run --release -- demo",
        "cargo test",
        "eventbus local serve --port 4566",
        "export AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        "aws --endpoint-url http://127.0.0.1:4566 sqs list-queues",
    ];
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    for block in readme.split("```sh\n").skip(1) {
        let (block, _) = block.split_once("```").expect("a block ends");
        for line in block.lines() {
            assert!(known.contains(&line), "`{line}` is in the README and in no test");
        }
    }
}
