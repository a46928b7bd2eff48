//! What the YAML parser's errors mean to an author: the classic slips with the repaired text, and
//! plain words for the rest.

use std::ops::Range;

use flowrun_card::{SourceId, Span};

use crate::{
    diagnostic::{Code, Diagnostic},
    source::offset,
};

/// The most bytes of a value that a message shows.
const MAX_SHOWN: usize = 1024;

/// A byte range as a span.
pub(super) fn span(bytes: Range<usize>) -> Span {
    Span::new(SourceId(0), offset(bytes.start), offset(bytes.end))
}

/// A value that YAML reads as something else because of how it starts or what it holds.
pub(super) fn unquoted(text: &str, value: Range<usize>, what: &str) -> Diagnostic {
    let written = text.get(value.clone()).unwrap_or_default();
    let help = if written.len() < MAX_SHOWN {
        format!("write {}", quote(written))
    } else {
        "put the whole value into quotes".to_owned()
    };
    let message = format!("a value {what} must be in quotes");
    Diagnostic::error(Code::YAML_UNQUOTED, span(value), message).help(help)
}

/// The value that starts at a byte: to the end of the line, a comment, or in a `[…]` or `{…}` to
/// what ends an item there; at most [`MAX_SHOWN`] bytes of it.
pub(super) fn value_at(text: &str, start: usize, in_flow: bool) -> Range<usize> {
    let bytes = text.as_bytes();
    let limit = text.floor_char_boundary(start.saturating_add(MAX_SHOWN));
    let shown = text.get(start..limit).unwrap_or_default();
    let end = start + shown.find(['\n', '\r']).unwrap_or(shown.len());
    let mut at = start;
    while at < end {
        let rest = text.get(at..end).unwrap_or_default();
        if rest.starts_with("{{") {
            at = rest.find("}}").map_or(end, |close| at + close + 2);
            continue;
        }
        match bytes.get(at) {
            Some(b',' | b']' | b'}') if in_flow => break,
            Some(b'#') if at > start && is_blank(bytes.get(at - 1)) => break,
            _ => at += 1,
        }
    }
    let written = text.get(start..at).unwrap_or_default();
    start..start + written.trim_end().len()
}

/// The text of a value in quotes that keep it as it is.
fn quote(text: &str) -> String {
    if text.contains(['"', '\\']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        format!("\"{text}\"")
    }
}

/// What the parser's error at a byte means.
pub(super) fn explain(text: &str, info: &str, at: usize) -> Diagnostic {
    if info == "recursion limit exceeded" {
        return too_deep(at);
    }
    if let Some(tab) = tab(text, info, at) {
        return Diagnostic::error(
            Code::YAML_TAB,
            span(tab..tab + 1),
            "a tab stands where YAML needs spaces",
        )
        .help("use spaces only");
    }
    let line = line(text, at);
    let scan = Scan::of(text, line.clone(), at);
    if info.starts_with("invalid trailing content") {
        return after_quote(text, &scan, &line, at);
    }
    if info.starts_with("mapping values are not allowed")
        && let Some(value) = scan.value
        && value < at
        && !text
            .get(line.start..value)
            .unwrap_or_default()
            .trim()
            .is_empty()
    {
        return unquoted(text, value_at(text, value, scan.in_flow), "with `: ` in it");
    }
    if let Some(mustache) = &scan.mustache {
        let value = value_at(text, mustache.value, mustache.in_flow);
        return unquoted(text, value, "with `{{` in it");
    }
    let character = text.get(at..).and_then(|rest| rest.chars().next());
    match character {
        Some('*') => {
            return unquoted(
                text,
                value_at(text, at, scan.in_flow),
                "that starts with `*`",
            );
        }
        Some('`') => {
            let value = value_at(text, at, scan.in_flow);
            return unquoted(text, value, "that starts with a backquote");
        }
        Some(sign @ ('&' | '%' | '@')) if info.contains("character") => {
            let value = value_at(text, at, scan.in_flow);
            return unquoted(text, value, &format!("that starts with `{sign}`"));
        }
        Some(sign @ ('|' | '>')) if info.ends_with("comment or line break") => {
            let value = value_at(text, at, false);
            return unquoted(text, value, &format!("that starts with `{sign}`"));
        }
        Some('!') if info.contains("tag") || info.contains("handle") => {
            return feature(at..at + 1, "tags")
                .help("remove the tag, or quote the value if it is text");
        }
        _ => {}
    }
    plain_words(text, info, at)
}

/// A part of YAML that flows do not have.
pub(super) fn feature(bytes: Range<usize>, what: &str) -> Diagnostic {
    Diagnostic::error(
        Code::YAML_FEATURE,
        span(bytes),
        format!("flows have no YAML {what}"),
    )
}

pub(super) fn too_deep(at: usize) -> Diagnostic {
    Diagnostic::error(
        Code::YAML_TOO_DEEP,
        span(at..at + 1),
        format!("nested deeper than {} levels", super::MAX_DEPTH),
    )
}

/// The byte of the tab that an error is about, if it is about one.
fn tab(text: &str, info: &str, at: usize) -> Option<usize> {
    let line = line(text, at);
    let written = text.get(line.clone())?;
    let indentation = written.len() - written.trim_start_matches([' ', '\t']).len();
    let find = |range: Range<usize>| {
        let start = range.start;
        text.get(range)?.find('\t').map(|tab| start + tab)
    };
    if let Some(tab) = find(line.start..line.start + indentation) {
        return Some(tab);
    }
    if info.contains("valid YAML whitespace") {
        return find(line.start..line.end);
    }
    if info.contains("tab") {
        return find(line.start..text.len());
    }
    None
}

/// Text after a closing quote: mostly the same quotes inside an expression.
fn after_quote(text: &str, scan: &Scan, line: &Range<usize>, at: usize) -> Diagnostic {
    let quoted = scan.quotes.iter().rev().find(|quoted| quoted.end <= at);
    if let Some(quoted) = quoted
        && let Some(quote) = text.get(quoted.start..quoted.start + 1)
        && let Some(rest) = text.get(quoted.start + 1..line.end)
        && let Some(close) = rest.rfind(quote)
        && let Some(inner) = rest.get(..close)
        && quoted.start + 1 + close >= quoted.end
        && inner.contains("{{")
    {
        let other = if quote == "\"" { "'" } else { "\"" };
        return Diagnostic::error(
            Code::YAML_UNQUOTED,
            span(quoted.start..quoted.start + close + 2),
            "an expression holds the quotes that its value stands in",
        )
        .help(format!(
            "write {quote}{}{quote}",
            inner.replace(quote, other)
        ));
    }
    let end = value_at(text, at, scan.in_flow).end.max(at + 1);
    Diagnostic::error(
        Code::YAML_SYNTAX,
        span(at..end),
        "text stands after the closing quote",
    )
    .help("put the whole value into quotes; inside, write `\\\"` in double quotes and `''` in single ones")
}

/// The parser's messages, said so that an author knows what to do.
fn plain_words(text: &str, info: &str, at: usize) -> Diagnostic {
    let (message, help) = match info {
        "mapping values are not allowed in this context" => (
            "a `:` stands where no key can be",
            "check the indentation of this line, and that the value before it is complete",
        ),
        "while parsing a block mapping, did not find expected key"
        | "did not find expected <document start>"
        | "invalid indentation" => (
            "this does not fit what stands above",
            "the keys of a map stand in one column: check the indentation",
        ),
        "simple key expect ':'" | "simple key expected" => {
            let before = text.get(..at).unwrap_or_default().trim_end();
            let line = line(text, before.len());
            let written = text.get(line.clone()).unwrap_or_default();
            let start = line.start + written.len() - written.trim_start().len();
            let error = Diagnostic::error(
                Code::YAML_SYNTAX,
                span(start..before.len()),
                "expected a key with `:`",
            );
            return error.help("write `key: value`");
        }
        "while parsing a flow mapping, did not find expected ',' or '}'" => (
            "expected `,` or `}`",
            "close the `{`, or quote the value before this",
        ),
        "while parsing a flow sequence, expected ',' or ']'"
        | "illegal placement of ':' indicator" => (
            "expected `,` or `]`",
            "close the `[`, or quote the value before this",
        ),
        "while parsing a node, did not find expected node content" => (
            "expected a value",
            "write the value, or quote it if it starts with a sign",
        ),
        "while parsing a block collection, did not find expected '-' indicator" => (
            "expected the next item of the list",
            "the items of a list stand in one column, each after `- `",
        ),
        "block sequence entries are not allowed in this context" => (
            "a list cannot start here",
            "write the first `- ` on a line of its own",
        ),
        "misplaced bracket" => (
            "a bracket is closed that was not opened",
            "remove it, or quote the value",
        ),
        "while scanning a quoted scalar, found unexpected end of stream" => (
            "the quotes that open here are not closed",
            "close them; inside, write `\\\"` in double quotes and `''` in single ones",
        ),
        "while parsing a quoted scalar, found unknown escape character" => {
            return bad_escape(text, at);
        }
        "invalid indentation in quoted scalar" => (
            "a line of this text is indented less than its key",
            "indent its lines, or check that the quotes are closed",
        ),
        "while parsing a quoted scalar, did not find expected hexadecimal number"
        | "while parsing a quoted scalar, found invalid Unicode character escape code" => (
            "an escape of this text names no character",
            "`\\x` takes two hexadecimal digits, `\\u` four and `\\U` eight",
        ),
        "plain scalar cannot start with '-' followed by ,[]{}" => {
            ("a `-` stands alone", "quote it: \"-\"")
        }
        "wrongly indented line in block scalar" => (
            "this line is indented less than the first one of its text",
            "indent all lines of the text alike",
        ),
        "comment intercepting the multiline text" => (
            "a comment stands inside a text",
            "put the text into quotes, or the comment above it",
        ),
        _ => {
            let message = info.replace(['`', '\''], "`").to_lowercase();
            return Diagnostic::error(Code::YAML_SYNTAX, span(at..at), message);
        }
    };
    Diagnostic::error(Code::YAML_SYNTAX, span(at..at), message).help(help)
}

/// The parser points at the text; the author needs the escape.
fn bad_escape(text: &str, at: usize) -> Diagnostic {
    let rest = text.get(at..).unwrap_or_default();
    let mut characters = rest.char_indices();
    let mut escape = at..at;
    while let Some((slash, character)) = characters.next() {
        if character == '\\'
            && let Some((_, escaped)) = characters.next()
            && !"0abtnvfre \"/\\N_LPxuU\t\n\r".contains(escaped)
        {
            escape = at + slash..at + slash + 1 + escaped.len_utf8();
            break;
        }
    }
    let written = text.get(escape.clone()).unwrap_or_default();
    Diagnostic::error(
        Code::YAML_SYNTAX,
        span(escape),
        format!("`{written}` is no escape in double quotes"),
    )
    .help("write `\\\\` for a backslash, or put the text into single quotes")
}

fn line(text: &str, at: usize) -> Range<usize> {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
    start..start + length
}

fn is_blank(byte: Option<&u8>) -> bool {
    matches!(byte, None | Some(b' ' | b'\t'))
}

struct Mustache {
    /// Where the value that holds it starts.
    value: usize,
    in_flow: bool,
}

/// A rough reading of one line, for messages only.
#[derive(Default)]
struct Scan {
    /// Each value in quotes, with its quotes.
    quotes: Vec<Range<usize>>,
    /// The first `{{` outside quotes.
    mustache: Option<Mustache>,
    /// Where the value at the error starts.
    value: Option<usize>,
    /// Whether the error stands in brackets that open on the line.
    in_flow: bool,
}

impl Scan {
    fn of(text: &str, line: Range<usize>, error: usize) -> Self {
        let mut scan = Scan::default();
        let bytes = text.as_bytes();
        let mut at = line.start;
        let mut depth = 0_usize;
        let mut fresh = true;
        let mut value = line.start;
        while at < line.end {
            if at <= error {
                scan.value = Some(value);
                scan.in_flow = depth > 0;
            }
            let rest = text.get(at..line.end).unwrap_or_default();
            let Some(byte) = bytes.get(at).copied() else {
                break;
            };
            let before_blank = is_blank(bytes.get(at + 1)) || at + 1 == line.end;
            if fresh && !matches!(byte, b' ' | b'\t') {
                value = at;
            }
            match byte {
                b' ' | b'\t' => {}
                b'"' | b'\'' if fresh => {
                    let end = at + closing(rest, byte);
                    scan.quotes.push(at..end);
                    at = end;
                    fresh = false;
                    continue;
                }
                b'{' if rest.starts_with("{{") => {
                    let end = rest.find("}}").map_or(line.end, |close| at + close + 2);
                    scan.mustache.get_or_insert(Mustache {
                        value,
                        in_flow: depth > 0,
                    });
                    at = end;
                    fresh = false;
                    continue;
                }
                b'{' | b'[' if fresh => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    fresh = false;
                }
                b',' if depth > 0 => fresh = true,
                b':' if before_blank => fresh = true,
                b'-' if before_blank && fresh => {}
                b'#' if at == line.start || is_blank(bytes.get(at - 1)) => break,
                _ => fresh = false,
            }
            at += 1;
        }
        scan
    }
}

/// The length of a quoted text with its quotes; all of it where it is not closed.
fn closing(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'\\' && quote == b'"' {
            at += 1;
        } else if *byte == quote {
            if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
                at += 1;
            } else {
                return at + 1;
            }
        }
        at += 1;
    }
    text.len()
}
