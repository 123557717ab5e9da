//! What the sources hand on, without a bus.

use super::*;

fn drafts(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    let _ = for_each(sources, &Arc::default(), &mut |draft| {
        let said = match draft.bytes {
            Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Err(reason) => format!("! {reason}"),
        };
        found.push(format!("{} {said}", draft.input));
        ControlFlow::Continue(())
    });
    found
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn of(name: &str, bytes: &[u8]) -> Vec<String> {
    let folder = folder(&[(name, bytes)]);
    drafts(&[Source::path(name, folder.path().join(name), None)])
}

#[test]
fn a_table_is_an_object_of_texts_a_row_named_by_its_line() {
    let text = "\u{feff}id,name,note\r\n1,\"Ada, \"\"L\"\"\",\n2,\"two\nlines\",x\n3,short\n\n4,é,\"\u{1}\"\n";
    assert_eq!(
        of("in.csv", text.as_bytes()),
        [
            r#"in.csv:2 {"id":"1","name":"Ada, \"L\""}"#,
            "in.csv:3 {\"id\":\"2\",\"name\":\"two\\nlines\",\"note\":\"x\"}",
            "in.csv:5 ! the row has 2 fields, the first row names 3",
            r#"in.csv:7 {"id":"4","name":"é","note":"\u0001"}"#,
        ]
    );
    assert_eq!(of("in.tsv", b"a\tb\n1\t2,3\n"), [r#"in.tsv:2 {"a":"1","b":"2,3"}"#]);
    assert_eq!(of("in.csv", b""), ["in.csv ! the table is empty, expected a row of names"]);
    assert_eq!(of("in.csv", b"a,b\n"), [""; 0], "nothing to do");
    assert_eq!(of("in.ndjson", b"\n"), [""; 0]);
    assert_eq!(of("in.csv", b"a,a\n1,2\n"), ["in.csv ! the first row names `a` twice"]);
    assert_eq!(of("in.csv", b"a,\n1,2\n"), ["in.csv ! field 2 of the first row is empty, expected a name"]);
    assert_eq!(of("in.csv", b"a\n\xff\nx\n"), ["in.csv:2 ! the row is not UTF-8", r#"in.csv:3 {"a":"x"}"#]);
}

#[test]
fn quotes_that_are_not_closed_or_closed_too_soon_are_told_where_they_stand() {
    let never = "the quote that opens here is never closed";
    assert_eq!(of("in.csv", b"id,s\n1,\"abc\n2,def\n3,ghi\n"), [format!("in.csv:2 ! {never}")]);
    assert_eq!(
        of("in.csv", b"id,s\n1,a\n2,\"x\"\"y\"\n3,\"abc"),
        [
            r#"in.csv:2 {"id":"1","s":"a"}"#.to_owned(),
            r#"in.csv:3 {"id":"2","s":"x\"y"}"#.to_owned(),
            format!("in.csv:4 ! {never}")
        ]
    );
    let odd = of("in.csv", b"id,s\n1,5\" pipe\n2,\"de\"f\n3,\"ok\"\r\n");
    assert_eq!(
        (odd.len(), odd[0].as_str(), odd[2].as_str()),
        (3, r#"in.csv:2 {"id":"1","s":"5\" pipe"}"#, r#"in.csv:4 {"id":"3","s":"ok"}"#)
    );
    assert!(odd[1].starts_with("in.csv:3 ! line 3: text follows the quote"), "{}", odd[1]);
    assert_eq!(of("in.csv", b"\xef\xbb\xbf\"id\n1\n"), [format!("in.csv ! {never}")]);
}

#[test]
fn a_quote_that_is_never_closed_ends_the_table_not_the_memory() {
    let mut text = b"a\n\"".to_vec();
    text.resize(LARGEST as usize * 2, b'x');
    let found = of("in.csv", &text);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("is a quote not closed?"), "{}", found[0]);
}

#[test]
fn patterns_find_files_in_the_order_of_their_names() {
    let folder = folder(&[("in/b.json", b"2"), ("in/a.json", b"1"), ("in/deep/c.json", b"3"), ("[x]/d.json", b"4")]);
    let found = |pattern: &str| drafts(&[Source::pattern(pattern, folder.path(), None)]);
    assert_eq!(found("in/*.json"), ["in/a.json 1", "in/b.json 2"]);
    assert_eq!(found("**/*.json").len(), 4);
    assert_eq!(found("in/*.csv"), ["in/*.csv ! no file fits the pattern"]);
    assert!(found("in/***")[0].contains("the pattern cannot be read"), "{:?}", found("in/***"));
    let odd = folder.path().join("[x]");
    assert_eq!(drafts(&[Source::pattern("*.json", &odd, None)]), ["d.json 4"], "the folder's own name is no pattern");
}

#[test]
fn packed_files_are_read_as_what_is_in_them() {
    let packed = zstd::stream::encode_all(&b"{\"a\":1}\n{\"a\":2}\n"[..], 1).unwrap();
    assert_eq!(of("in.ndjson.zst", &packed), [r#"in.ndjson.zst:1 {"a":1}"#, r#"in.ndjson.zst:2 {"a":2}"#]);
    let found = of("in.ndjson.zst", &packed[..packed.len() - 3]);
    assert!(found.last().unwrap().contains("! it cannot be read"), "{found:?}");
}

#[test]
fn lengths_are_known_of_plain_files_only() {
    let folder = folder(&[("a.json", b"123"), ("in/b.ndjson", b"45"), ("c.json.zst", b"")]);
    let at = |name: &str| Source::path(name, folder.path().join(name), None);
    assert_eq!(length(&[at("a.json"), at("in")]), Some(5));
    assert_eq!(length(&[at("a.json"), Source::stdin(None)]), None);
    assert_eq!(length(&[at("c.json.zst")]), None);
    let read = Arc::default();
    let _ = for_each(&[at("a.json"), at("in")], &read, &mut |_| ControlFlow::Continue(()));
    assert_eq!(read.load(Ordering::Relaxed), 5);
}
