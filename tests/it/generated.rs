//! What is generated and committed: the completions and the README's usage block. `UPDATE_GENERATED=1 cargo test generated`
//! writes them, without it a difference fails.

use std::fs;

use crate::support::{TestEnv, repository};

const SHELLS: [(&str, &str); 5] = [
    ("bash", "eventbus.bash"),
    ("zsh", "_eventbus"),
    ("fish", "eventbus.fish"),
    ("powershell", "_eventbus.ps1"),
    ("elvish", "eventbus.elv"),
];

#[expect(clippy::disallowed_methods, reason = "the switch is read by the test, never by the program")]
fn updating() -> bool {
    std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1")
}

#[track_caller]
fn hold(path: &str, wanted: &str) {
    let file = repository().join(path);
    if updating() {
        fs::write(&file, wanted).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{path} is out of date; run `UPDATE_GENERATED=1 cargo test generated` and commit it");
}

#[test]
fn completions_are_those_of_the_command_line() {
    let env = TestEnv::new();
    for (shell, file) in SHELLS {
        let script = env.run(&["completions", shell]).success();
        assert!(script.stdout().contains("provision"), "{shell} knows no verbs");
        hold(&format!("completions/{file}"), script.stdout());
    }
    let there = fs::read_dir(repository().join("completions")).unwrap().count();
    assert_eq!(there, SHELLS.len(), "completions/ holds a file that no shell reads");
}

#[test]
fn the_readme_shows_the_help_of_this_version() {
    const BEGIN: &str = "run `UPDATE_GENERATED=1 cargo test generated` -->\n```text\n";
    const END: &str = "```\n<!-- end of usage -->";
    let help = TestEnv::new().run(&["--help"]).success();
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the usage block begins");
    let (_, after) = rest.split_once(END).expect("the usage block ends");
    hold("README.md", &format!("{before}{BEGIN}{}{END}{after}", help.stdout()));
}
