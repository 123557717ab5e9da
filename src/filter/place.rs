//! Where AWS's own JSON reader stands when it refuses a policy: the `line: …, column: …` behind its sentences.
//!
//! The reader goes token by token and names the place behind the one that it has just taken. Of a text it has then taken the first
//! quote alone, unless the sentence quotes it; with a key it takes what its value begins with. That is how the columns of the
//! recorded answers come about (localstack/localstack, tests/aws/services/sns/test_sns_filter_policy.snapshot.json, Apache-2.0,
//! May 2024), which the tests hold against this.

/// The token at which a policy was refused, from the value that the error's pointer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// The value itself.
    Value,
    /// The value of its second member.
    SecondMember,
    /// Its element of this number, or its end where it has fewer.
    Element(usize),
    /// The same, the whole of the text having been read.
    ElementRead(usize),
}

/// Line and column, both from 1; `None` where the pointer leads nowhere. `text` is well-formed JSON.
pub(super) fn of(text: &str, pointer: &str, at: At) -> Option<(usize, usize)> {
    let reader = Reader { bytes: text.as_bytes() };
    let mut value = reader.space(0);
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        value = reader.member(text, value, &step)?;
    }
    let behind = match at {
        At::Value => reader.begun(value),
        At::SecondMember => reader.begun(*reader.children(value).0.get(1)?),
        At::Element(number) | At::ElementRead(number) => {
            let (elements, end) = reader.children(value);
            match elements.get(number) {
                None => end,
                Some(element) if matches!(at, At::ElementRead(_)) => reader.end(*element),
                Some(element) => reader.begun(*element),
            }
        }
    };
    let before = text.get(..behind)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    fn space(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        at
    }

    /// Behind what is taken of a value when it is come upon.
    fn begun(&self, value: usize) -> usize {
        if matches!(self.byte(value), b'"' | b'[' | b'{') { value + 1 } else { self.end(value) }
    }

    /// Behind a whole value.
    fn end(&self, value: usize) -> usize {
        match self.byte(value) {
            b'"' => {
                let mut at = value + 1;
                while at < self.bytes.len() && self.byte(at) != b'"' {
                    at += if self.byte(at) == b'\\' { 2 } else { 1 };
                }
                at + 1
            }
            b'[' | b'{' => self.children(value).1,
            _ => {
                let mut at = value;
                while at < self.bytes.len()
                    && !matches!(self.byte(at), b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')
                {
                    at += 1;
                }
                at
            }
        }
    }

    /// Where the elements of a list, or the values of an object, begin, and what is behind its last bracket.
    fn children(&self, container: usize) -> (Vec<usize>, usize) {
        let (mut found, mut at) = (Vec::new(), self.space(container + 1));
        while at < self.bytes.len() && !matches!(self.byte(at), b']' | b'}') {
            if self.byte(container) == b'{' {
                // The key and its colon.
                at = self.space(self.space(self.end(at)) + 1);
            }
            found.push(at);
            at = self.space(self.end(at));
            if self.byte(at) == b',' {
                at = self.space(at + 1);
            }
        }
        (found, at + 1)
    }

    /// Where the child that a pointer's step names begins.
    fn member(&self, text: &str, container: usize, step: &str) -> Option<usize> {
        let (children, _) = self.children(container);
        if self.byte(container) == b'[' {
            return children.get(step.parse::<usize>().ok()?).copied();
        }
        let mut at = self.space(container + 1);
        for value in children {
            let key: Option<String> = serde_json::from_str(text.get(at..self.end(at))?).ok();
            if key.as_deref() == Some(step) {
                return Some(value);
            }
            at = self.space(self.space(self.end(value)) + 1);
        }
        None
    }
}
