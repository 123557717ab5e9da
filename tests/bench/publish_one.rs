//! One call of the program, start to finish, against one call of the aws CLI.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Project, Verdict, binary, figure, hermetic, median, ms, timed, venv_tool};

/// How much faster than `aws sns publish` one publish has to be.
const PUBLISH_BOUND: f64 = 25.0;
/// How much faster than `aws --version` the own has to be.
const VERSION_BOUND: f64 = 50.0;

/// `eventbus --version` against `aws --version`.
pub(crate) fn version(quick: bool) -> Verdict {
    let aws = match venv_tool("aws") {
        Ok(aws) => aws,
        Err(missing) => return missing,
    };
    let home = tempfile::tempdir().unwrap();
    let call = |program: &std::path::Path| {
        let mut command = Command::new(program);
        hermetic(&mut command, home.path());
        command.arg("--version");
        command
    };
    compare(quick, VERSION_BOUND, ("eventbus --version", &|| call(binary())), ("aws --version", &|| call(&aws)))
}

/// One event into a topic with one filtered queue, each on its own bus.
pub(crate) fn publish(quick: bool) -> Verdict {
    let (aws, moto_server) = match (venv_tool("aws"), venv_tool("moto_server")) {
        (Ok(aws), Ok(moto_server)) => (aws, moto_server),
        (Err(missing), _) | (_, Err(missing)) => return missing,
    };
    let project = Project::new();
    let moto = Moto::start(&moto_server, &project);
    let call = |args: &[&str]| {
        let mut command = Command::new(&aws);
        hermetic(&mut command, &project.path(""));
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_PAGER", "");
        command.args(["--endpoint-url", &moto.url, "--region", "us-east-1", "--output", "text"]).args(args);
        command
    };
    let (topic, queue) = ("arn:aws:sns:us-east-1:123456789012:users", "arn:aws:sqs:us-east-1:123456789012:user_events");
    timed(call(&["sns", "create-topic", "--name", "users"]));
    timed(call(&["sqs", "create-queue", "--queue-name", "user_events"]));
    let filter = r#"{"FilterPolicy":"{\"eventName\":[\"UserRegistered\"]}"}"#;
    let subscribe = ["sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", queue];
    timed(call(&[&subscribe[..], &["--attributes", filter]].concat()));
    let message = r#"{"Metadata":{"EventName":"UserRegistered"},"Payload":{"id":"1"}}"#;
    let attributes = r#"{"eventName":{"DataType":"String","StringValue":"UserRegistered"}}"#;
    let publish = ["sns", "publish", "--topic-arn", topic, "--message", message, "--message-attributes", attributes];
    compare(
        quick,
        PUBLISH_BOUND,
        ("eventbus publish, embedded bus", &|| project.command(&["publish", "UserRegistered", "payload.json"])),
        ("aws sns publish, moto server", &|| call(&publish)),
    )
}

type Side<'a> = (&'a str, &'a dyn Fn() -> Command);

fn compare(quick: bool, bound: f64, ours: Side<'_>, theirs: Side<'_>) -> Verdict {
    // Once each to warm the disk's cache.
    timed(ours.1());
    timed(theirs.1());
    let rounds = if quick { 3 } else { 21 };
    let (our_times, their_times): (Vec<_>, Vec<_>) = (0..rounds).map(|_| (timed(ours.1()), timed(theirs.1()))).unzip();
    let (our_median, their_median) = (median(&our_times), median(&their_times));
    let ratio = their_median.as_secs_f64() / our_median.as_secs_f64();
    figure(&format!("{}, median of {rounds}", ours.0), &ms(our_median));
    figure(&format!("{}, median of {rounds}", theirs.0), &ms(their_median));
    figure(&format!("ratio (at least {bound})"), &format!("{ratio:.1}"));
    if ratio >= bound { Verdict::Holds } else { Verdict::Broken(format!("{ratio:.1} times faster, not {bound}")) }
}

/// A moto server on a free loopback port; ended when dropped.
struct Moto {
    process: Child,
    url: String,
}

impl Moto {
    fn start(program: &std::path::Path, project: &Project) -> Moto {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        hermetic(&mut command, &project.path(""));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moto = Moto { process, url: format!("http://127.0.0.1:{port}") };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "the moto server did not open its port");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
