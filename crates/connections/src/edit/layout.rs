//! Where the entries of a connection file stand, and their keys, in bytes.
//!
//! Starts are those of the YAML parser. Ends are found in the text, because the parser's are not
//! exact for texts in quotes and brackets; whatever goes wrong here is found when the result of an
//! edit is read back.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::file::members::MEMBERS;

/// The entries of a file.
#[derive(Debug)]
pub(super) struct Layout {
    /// In the order of the file.
    pub(super) entries: Vec<Entry>,
    /// How far the nicknames are indented.
    pub(super) indent: usize,
}

/// A connection in the file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) nickname: String,
    /// The nickname, with its quotes.
    pub(super) name: Range<usize>,
    /// From the nickname's line to the last line of the entry, with its end.
    pub(super) lines: Range<usize>,
    pub(super) style: Style,
    pub(super) keys: Vec<Key>,
    /// The members, where it is a set.
    pub(super) members: Option<Members>,
}

/// The members of a set in the file: entries whose name is that of no key, and empty.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) items: Vec<Entry>,
    /// How far the hyphens are indented, where each stands on lines of its own; else they stand in
    /// `[ ]`.
    pub(super) indent: Option<usize>,
}

/// How the keys of an entry are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Each on lines of its own, indented that far.
    Block(usize),
    /// In `{ }`.
    Flow,
    /// In a way that is not changed from here, such as an alias.
    Other,
}

/// A key of an entry.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) start: usize,
    /// The value, where it is a text in a line or in quotes, or stands in `{ }`.
    pub(super) value: Option<Range<usize>>,
    /// In block style, its lines.
    pub(super) lines: Range<usize>,
}

/// A node as the parser tells of it.
struct Node {
    start: usize,
    column: usize,
    /// Just behind it, where that can be told.
    end: Option<usize>,
    kind: Kind,
}

enum Kind {
    /// With its text.
    Scalar(String),
    /// The pairs, and whether they stand in `{ }`.
    Map(Vec<(Node, Node)>, bool),
    /// The items, and whether they stand in `[ ]`.
    List(Vec<Node>, bool),
    Other,
}

/// The layout of a text that is a valid connection file.
///
/// # Errors
/// What it is about the text that cannot be changed from here.
pub(super) fn layout(text: &str) -> Result<Layout, String> {
    if text.starts_with('\u{feff}') {
        return Err("it starts with a byte order mark".to_owned());
    }
    let mut lone_return = text.bytes().zip(text.bytes().skip(1).chain([b' ']));
    if lone_return.any(|(byte, next)| byte == b'\r' && next != b'\n') {
        return Err("it has line ends of old Macs".to_owned());
    }
    let Some(root) = Reader::new(text).read()? else {
        return Ok(Layout {
            entries: Vec::new(),
            indent: 0,
        });
    };
    let indent = root.column;
    let pairs = match root.kind {
        Kind::Map(pairs, false) => pairs,
        Kind::Scalar(text) if text.is_empty() => Vec::new(),
        _ => return Err("its connections do not stand on lines of their own".to_owned()),
    };
    let mut entries = Vec::with_capacity(pairs.len());
    let starts: Vec<usize> = pairs
        .iter()
        .map(|(key, _)| line_start(text, key.start))
        .collect();
    let nexts = starts.iter().skip(1).copied().chain([text.len()]);
    for (((key, value), start), next) in pairs.into_iter().zip(&starts).zip(nexts) {
        if !is_blank(text, *start..key.start) {
            return Err("something stands before a nickname on its line".to_owned());
        }
        let known_end = value.end.unwrap_or(value.start);
        let end = trimmed_end(text, line_end(text, known_end)..next, indent);
        entries.push(entry(text, key, value, *start..end)?);
    }
    Ok(Layout { entries, indent })
}

fn entry(text: &str, key: Node, value: Node, lines: Range<usize>) -> Result<Entry, String> {
    let (Kind::Scalar(nickname), Some(end)) = (key.kind, key.end) else {
        return Err("a nickname is written in an unusual way".to_owned());
    };
    let mut entry = Entry {
        nickname,
        name: key.start..end,
        lines,
        style: Style::Other,
        keys: Vec::new(),
        members: None,
    };
    if let Kind::Map(pairs, is_flow) = value.kind {
        fill(&mut entry, text, pairs, (value.column, is_flow));
    }
    Ok(entry)
}

/// Finds the keys of an entry, and the members that it may have.
fn fill(entry: &mut Entry, text: &str, pairs: Vec<(Node, Node)>, (column, is_flow): (usize, bool)) {
    let starts: Vec<usize> = pairs
        .iter()
        .map(|(key, _)| line_start(text, key.start))
        .collect();
    let nexts = starts.iter().skip(1).copied().chain([entry.lines.end]);
    let mut is_regular = true;
    for (((key, value), start), next) in pairs.into_iter().zip(&starts).zip(nexts) {
        let Kind::Scalar(name) = key.kind else {
            return;
        };
        is_regular &= is_flow || is_margin(text, *start..key.start);
        let known_end = value.end.unwrap_or(value.start);
        let end = if is_flow {
            known_end
        } else {
            trimmed_end(text, line_end(text, known_end)..next, column)
        };
        let range = value.end.map(|end| value.start..end);
        if let (MEMBERS, Kind::List(items, is_flow)) = (&*name, value.kind) {
            entry.members = Some(members(text, items, (value.column, is_flow), end));
        }
        entry.keys.push(Key {
            name,
            start: key.start,
            value: range,
            lines: *start..end,
        });
    }
    entry.style = match (is_regular, is_flow) {
        (false, _) => Style::Other,
        (true, true) => Style::Flow,
        (true, false) => Style::Block(column),
    };
}

/// Finds the members of a set; `end` is that of the last of them.
fn members(text: &str, items: Vec<Node>, (column, is_flow): (usize, bool), end: usize) -> Members {
    let starts: Vec<usize> = items
        .iter()
        .map(|item| match is_flow {
            true => item.start,
            false => line_start(text, item.start),
        })
        .collect();
    let nexts = starts.iter().skip(1).copied().chain([end]);
    let mut found = Vec::with_capacity(items.len());
    for ((item, start), next) in items.into_iter().zip(&starts).zip(nexts) {
        let known_end = item.end.unwrap_or(item.start);
        let end = if is_flow {
            known_end
        } else {
            trimmed_end(text, line_end(text, known_end)..next, column)
        };
        let mut entry = Entry {
            nickname: String::new(),
            name: item.start..item.start,
            lines: *start..end,
            style: Style::Other,
            keys: Vec::new(),
            members: None,
        };
        if let Kind::Map(pairs, is_flow) = item.kind {
            fill(&mut entry, text, pairs, (item.column, is_flow));
        }
        found.push(entry);
    }
    Members {
        items: found,
        indent: (!is_flow).then_some(column),
    }
}

/// The start of the line that a byte is in.
fn line_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.rfind('\n').map_or(0, |end| end + 1)
}

/// The end of the line that a byte is in, behind its line end.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.find('\n').map_or(text.len(), |end| at + end + 1)
}

fn is_blank(text: &str, range: Range<usize>) -> bool {
    text.get(range)
        .is_some_and(|text| text.bytes().all(|byte| byte == b' '))
}

/// Whether only blanks, and the hyphen of a list, stand there.
fn is_margin(text: &str, range: Range<usize>) -> bool {
    text.get(range).is_some_and(|text| {
        let text = text.trim_start_matches(' ');
        text.strip_prefix('-')
            .unwrap_or(text)
            .bytes()
            .all(|byte| byte == b' ')
    })
}

/// The end of what belongs to an entry or key: `rest` are the lines between the one that it surely
/// ends on and the next entry or key. The blank lines and comments at their end belong to nobody,
/// but for comments that are indented more than it.
fn trimmed_end(text: &str, rest: Range<usize>, indent: usize) -> usize {
    let mut end = rest.start;
    let mut at = rest.start;
    let lines = text.get(rest).unwrap_or_default();
    for line in lines.split_inclusive('\n') {
        at += line.len();
        let content = line.trim_start_matches(' ');
        let column = line.len() - content.len();
        let content = content.trim_end();
        let is_outside = content.is_empty()
            || (content.starts_with('#') && column <= indent)
            || (column == 0 && matches!(content, "---" | "..."));
        if !is_outside {
            end = at;
        }
    }
    end
}

/// Reads nodes from the parser's events.
struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// The byte of each character, which is what the parser counts.
    bytes: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let starts = text.char_indices().map(|(at, _)| at);
        Self {
            text,
            parser: Parser::new_from_str(text),
            bytes: starts.chain([text.len()]).collect(),
        }
    }

    /// The root node, where there is one.
    fn read(&mut self) -> Result<Option<Node>, String> {
        loop {
            match self.next()? {
                None | Some((Event::StreamEnd, ..)) => return Ok(None),
                Some((Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, ..)) => {}
                Some((event, start, end, column)) => {
                    return self.node(event, start, end, column).map(Some);
                }
            }
        }
    }

    /// The next event: where it starts and ends, and in which column it starts.
    fn next(&mut self) -> Result<Option<(Event<'a>, usize, usize, usize)>, String> {
        let byte = |character: usize| {
            let known = self.bytes.get(character).or_else(|| self.bytes.last());
            known.copied().unwrap_or_default()
        };
        match self.parser.next_event() {
            None => Ok(None),
            Some(Err(_)) => Err("it can be read in more than one way".to_owned()),
            Some(Ok((event, span))) => Ok(Some((
                event,
                byte(span.start.index()),
                byte(span.end.index()),
                span.start.col(),
            ))),
        }
    }

    /// Connection files nest four deep; what nests deeper is refused before this.
    fn node(
        &mut self,
        event: Event<'a>,
        start: usize,
        end: usize,
        column: usize,
    ) -> Result<Node, String> {
        let (kind, end) = match event {
            Event::Scalar(decoded, style, anchor, tag) => {
                let end = match style {
                    _ if anchor > 0 || tag.is_some() => None,
                    ScalarStyle::Plain => Some(start + self.plain_length(start, end)),
                    ScalarStyle::SingleQuoted => closing(self.text, start, '\''),
                    ScalarStyle::DoubleQuoted => closing(self.text, start, '"'),
                    ScalarStyle::Literal | ScalarStyle::Folded => None,
                };
                (Kind::Scalar(decoded.into_owned()), end)
            }
            Event::MappingStart(anchor, tag) => {
                let has_properties = anchor > 0 || tag.is_some();
                let is_flow = self.starts_with(start, '{');
                let mut pairs = Vec::new();
                while let Some(key) = self.child()? {
                    let Some(value) = self.child()? else { break };
                    pairs.push((key, value));
                }
                let last = pairs.last().and_then(|(_, value)| value.end);
                let end = if is_flow {
                    let inside = last.unwrap_or(start + 1);
                    closing_bracket(self.text, inside, '}')
                } else {
                    last
                };
                let kind = if has_properties {
                    Kind::Other
                } else {
                    Kind::Map(pairs, is_flow)
                };
                (kind, end)
            }
            Event::SequenceStart(anchor, tag) => {
                let has_properties = anchor > 0 || tag.is_some();
                let is_flow = self.starts_with(start, '[');
                let mut items = Vec::new();
                while let Some(item) = self.child()? {
                    items.push(item);
                }
                let last = items.last().and_then(|item| item.end);
                let end = if is_flow {
                    closing_bracket(self.text, last.unwrap_or(start + 1), ']')
                } else {
                    last
                };
                let kind = if has_properties {
                    Kind::Other
                } else {
                    Kind::List(items, is_flow)
                };
                (kind, end)
            }
            _ => (Kind::Other, None),
        };
        Ok(Node {
            start,
            column,
            end,
            kind,
        })
    }

    /// The next node of a map or list; none at its end.
    fn child(&mut self) -> Result<Option<Node>, String> {
        match self.next()? {
            None | Some((Event::MappingEnd | Event::SequenceEnd, ..)) => Ok(None),
            Some((event, start, end, column)) => self.node(event, start, end, column).map(Some),
        }
    }

    fn starts_with(&self, start: usize, bracket: char) -> bool {
        let rest = self.text.get(start..);
        rest.is_some_and(|rest| rest.starts_with(bracket))
    }

    fn plain_length(&self, start: usize, end: usize) -> usize {
        let text = self.text.get(start..end).unwrap_or_default();
        text.trim_end().len()
    }
}

/// Behind the quote that closes the text that starts at a byte.
fn closing(text: &str, start: usize, quote: char) -> Option<usize> {
    let inside = start + 1;
    let mut chars = text.get(inside..)?.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next();
        } else if c == quote {
            // `''` in single quotes is a quote.
            if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
                continue;
            }
            return Some(inside + at + 1);
        }
    }
    None
}

/// Behind the bracket that follows the last value in it, over blanks, commas and comments.
fn closing_bracket(text: &str, mut at: usize, bracket: char) -> Option<usize> {
    loop {
        let rest = text.get(at..)?;
        match rest.chars().next()? {
            c if c == bracket => return Some(at + 1),
            '#' => at += rest.find('\n')?,
            c if c.is_whitespace() || c == ',' => at += c.len_utf8(),
            _ => return None,
        }
    }
}
