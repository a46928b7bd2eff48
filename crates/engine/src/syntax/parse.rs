//! From the events of the YAML parser to the tree, with the parts of YAML refused that flows do
//! not have.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use flowrun_card::Span;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::{
    Entry, Key, Kind, Node, Scalar, Style,
    between::{after_dash, after_space, block_header, clipped},
    positions::Positions,
    slips,
    spans::{self, Walked},
    text::{MAX_SIGNS, Text},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    source::{Source, SpanMap},
};

/// How deep lists and maps nest.
pub(crate) const MAX_DEPTH: usize = 64;

/// The most keys that are looked up for another use of the same: ids rarely have one.
const MAX_NAMES: usize = 256;

/// Maps with more keys look them up in a table.
const FEW_KEYS: usize = 8;

/// Reads a file; none where it holds no tree. All errors are reported in source order, up to the
/// first that the YAML parser cannot get over.
pub(crate) fn parse<'a>(source: &'a Source, diagnostics: &'a mut Diagnostics) -> Option<Node> {
    let text = source.text();
    if let Some(control) = control_character(text) {
        diagnostics.push(control);
        return None;
    }
    let mut builder = Builder {
        text,
        positions: Positions::of(text),
        errors: diagnostics,
        stack: Vec::new(),
        skipped: None,
        slip: None,
        names: HashSet::new(),
        last: 0,
        root: None,
    };
    let complete = builder.read();
    let root = builder.root.take();
    if complete && root.as_ref().is_none_or(Node::is_nothing) {
        let at_start = slips::span(0..0);
        builder.errors.push(
            Diagnostic::error(Code::FILE_EMPTY, at_start, "the file holds no flow")
                .help("a flow has an id and cards: `flow: NAME`, `cards: { … }`"),
        );
        return None;
    }
    root.filter(|_| complete)
}

/// YAML has no control characters but tabs and line breaks; the parser lets some pass.
/// <https://yaml.org/spec/1.2.2/#51-character-set>
fn control_character(text: &str) -> Option<Diagnostic> {
    let is_control =
        |byte: u8| (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7f;
    let at = text.bytes().position(is_control)?;
    let byte = text.as_bytes().get(at)?;
    let message = format!("the control character U+{byte:04X} cannot stand in YAML");
    let diagnostic = Diagnostic::error(Code::YAML_SYNTAX, slips::span(at..at + 1), message);
    Some(diagnostic.help(format!("in double quotes, write \"\\x{byte:02x}\"")))
}

impl Node {
    fn is_nothing(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar)
            if scalar.style == Style::Plain && scalar.text.is_empty())
    }
}

struct Builder<'a> {
    text: &'a str,
    positions: Positions,
    errors: &'a mut Diagnostics,
    /// The lists and maps that are open, outermost first.
    stack: Vec<Frame>,
    /// A list or map whose content is not part of the tree.
    skipped: Option<Skipped>,
    /// The line and the end of the last slip: what the parser then says of that line is no news.
    slip: Option<(usize, usize)>,
    /// Keys repeat; each is in memory once.
    names: HashSet<Arc<str>>,
    /// Where the last event ended.
    last: usize,
    root: Option<Node>,
}

struct Frame {
    start: usize,
    /// In brackets.
    in_flow: bool,
    kind: FrameKind,
}

enum FrameKind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        pending: Pending,
        /// Filled beyond [`FEW_KEYS`].
        seen: HashMap<Arc<str>, Span>,
    },
}

/// What stands before the next value of a map.
enum Pending {
    Nothing,
    Key(Key),
    /// A key that was refused: its value is read and dropped.
    Refused,
    /// `<<`, whose value are aliases: they are not told again.
    Merge,
}

struct Skipped {
    start: usize,
    depth: usize,
    what: SkippedWhat,
}

#[derive(Clone, Copy, PartialEq)]
enum SkippedWhat {
    /// `{{ … }}` without quotes: read as the text that was meant.
    Mustache,
    /// A list or map in the place of a key.
    Key,
}

impl<'a> Builder<'a> {
    /// Whether the whole file could be read.
    fn read(&mut self) -> bool {
        let signs = Cell::new(0);
        let mut parser = Parser::new(Text {
            rest: self.text,
            signs: &signs,
        });
        let mut documents = 0_u32;
        loop {
            let next = parser.next_event();
            if signs.get() > MAX_SIGNS {
                // The parser saw an end that is none, whatever it made of it.
                self.errors.push(too_long(self.last));
                return false;
            }
            let (event, marks) = match next {
                None => return true,
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    if self.recover(&error) {
                        continue;
                    }
                    return false;
                }
            };
            signs.set(0);
            let bytes =
                self.positions.byte(marks.start.index())..self.positions.byte(marks.end.index());
            let line = marks.start.line();
            match event {
                Event::DocumentStart(explicit) => {
                    documents = documents.saturating_add(1);
                    if documents > 1 {
                        self.errors.push(
                            Diagnostic::error(
                                Code::YAML_DOCUMENTS,
                                slips::span(bytes),
                                "a second document starts here",
                            )
                            .help("a file holds one flow: move this one to a file of its own"),
                        );
                        return false;
                    }
                    if explicit {
                        self.directives(bytes.start);
                        self.last = bytes.end;
                    }
                }
                Event::Scalar(decoded, style, anchor, tag) => {
                    let bytes = self.properties(bytes, anchor > 0 || tag.is_some());
                    self.scalar(&decoded, style, bytes, marks.start.col());
                }
                Event::SequenceStart(anchor, tag) => {
                    let bytes = self.properties(bytes, anchor > 0 || tag.is_some());
                    if !self.start(bytes, line, FrameKind::List(Vec::new())) {
                        return false;
                    }
                }
                Event::MappingStart(anchor, tag) => {
                    let bytes = self.properties(bytes, anchor > 0 || tag.is_some());
                    let map = FrameKind::Map {
                        entries: Vec::new(),
                        pending: Pending::Nothing,
                        seen: HashMap::new(),
                    };
                    if !self.start(bytes, line, map) {
                        return false;
                    }
                }
                Event::SequenceEnd => self.end(bytes, b']'),
                Event::MappingEnd => self.end(bytes, b'}'),
                Event::Alias(_) => {
                    if !self.in_merge() {
                        self.errors.push(
                            slips::feature(bytes.clone(), "aliases")
                                .help("write the value again, or name it in `vars`"),
                        );
                    }
                    self.text_value(bytes);
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
            if self.errors.is_full() {
                return false;
            }
        }
    }

    /// Reports an error of the parser, and says whether it can go on: only an alias that names
    /// nothing is no error of the grammar.
    fn recover(&mut self, error: &ScanError) -> bool {
        let at = self
            .positions
            .byte(error.marker().index())
            .min(self.text.len());
        let line = error.marker().line();
        let is_alias = error.info().ends_with("found unknown anchor");
        if is_alias {
            let value = slips::value_at(self.text, at, self.in_flow());
            if self.slip.is_none_or(|(_, end)| end <= at) && !self.in_merge() {
                self.errors.push(slips::unquoted(
                    self.text,
                    value.clone(),
                    "that starts with `*`",
                ));
                self.slip = Some((line, value.end));
            }
            self.text_value(value);
            return !self.errors.is_full();
        }
        let in_mustache = |skipped: &Skipped| skipped.what == SkippedWhat::Mustache;
        let told = self.slip.is_some_and(|(slip, _)| slip == line)
            || self.skipped.as_ref().is_some_and(in_mustache);
        if !told {
            self.errors
                .push(slips::explain(self.text, error.info(), at));
        }
        false
    }

    /// `%YAML` and `%TAG` before the document, which the parser tells nothing of.
    fn directives(&mut self, document: usize) {
        let mut at = 0;
        let head = self.text.get(..document).unwrap_or_default();
        for line in head.split_inclusive('\n') {
            if line.starts_with('%') {
                let bytes = at..at + line.trim_end().len();
                self.errors
                    .push(slips::feature(bytes, "directives").help("remove this line"));
            }
            at += line.len();
        }
    }

    /// Refuses the anchor and the tag of a node, and gives the bytes of what they stand before.
    fn properties(&mut self, bytes: Range<usize>, present: bool) -> Range<usize> {
        if !present {
            return bytes;
        }
        let mut at = bytes.start;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let blank = rest.len() - rest.trim_start().len();
            let token = rest.trim_start();
            let (what, help) = match token.as_bytes().first() {
                Some(b'&') => (
                    "anchors",
                    "write the value where it is needed, or name it in `vars`",
                ),
                Some(b'!') => (
                    "tags",
                    "remove the tag; values have the type that they are written in",
                ),
                Some(b'#') => {
                    at += blank + token.find('\n').unwrap_or(token.len());
                    continue;
                }
                _ => return at + blank..bytes.end.max(at + blank),
            };
            let length = token
                .find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}'))
                .unwrap_or(token.len());
            let start = at + blank;
            self.errors
                .push(slips::feature(start..start + length, what).help(help));
            at = start + length;
        }
    }

    fn in_flow(&self) -> bool {
        self.stack.last().is_some_and(|frame| frame.in_flow)
    }

    /// Whether the next node is a key.
    fn at_key(&self) -> bool {
        matches!(
            self.stack.last(),
            Some(Frame {
                kind: FrameKind::Map {
                    pending: Pending::Nothing,
                    ..
                },
                ..
            })
        )
    }

    fn start(&mut self, bytes: Range<usize>, line: usize, kind: FrameKind) -> bool {
        let depth = self.stack.len() + self.skipped.as_ref().map_or(0, |skipped| skipped.depth);
        if depth >= MAX_DEPTH {
            self.errors.push(slips::too_deep(bytes.start));
            return false;
        }
        let in_flow = !bytes.is_empty() || self.in_flow();
        if let Some(skipped) = &mut self.skipped {
            skipped.depth += 1;
            return true;
        }
        let rest = self.text.get(bytes.start..).unwrap_or_default();
        let what = if self.at_key() {
            self.errors.push(
                Diagnostic::error(
                    Code::YAML_FEATURE,
                    slips::span(bytes.start..bytes.start + 1),
                    "a key must be text",
                )
                .maybe_help(
                    rest.starts_with("{{")
                        .then(|| "names are fixed: no expression can stand in a key".to_owned()),
                ),
            );
            Some(SkippedWhat::Key)
        } else if in_flow && rest.starts_with("{{") {
            let value = slips::value_at(self.text, bytes.start, self.in_flow());
            self.slip = Some((line, value.end));
            self.errors
                .push(slips::unquoted(self.text, value, "that starts with `{{`"));
            Some(SkippedWhat::Mustache)
        } else {
            None
        };
        match what {
            Some(what) => {
                self.skipped = Some(Skipped {
                    start: bytes.start,
                    depth: 1,
                    what,
                });
            }
            None => {
                self.last = if in_flow {
                    bytes.start + 1
                } else {
                    bytes.start
                };
                self.stack.push(Frame {
                    start: bytes.start,
                    in_flow,
                    kind,
                });
            }
        }
        true
    }

    fn end(&mut self, bytes: Range<usize>, bracket: u8) {
        let byte = |at: usize| self.text.as_bytes().get(at).copied();
        let mut close = bytes.start;
        if !bytes.is_empty() && byte(close) == Some(b',') {
            // After a last comma, the parser points there.
            close = after_space(self.text, close + 1);
        }
        if !bytes.is_empty() && byte(close) == Some(bracket) {
            self.last = close + 1;
        }
        if let Some(skipped) = &mut self.skipped {
            skipped.depth -= 1;
            if skipped.depth > 0 {
                return;
            }
            let (start, what) = (skipped.start, skipped.what);
            self.skipped = None;
            match what {
                SkippedWhat::Key => self.refuse_key(),
                SkippedWhat::Mustache => self.text_value(start..self.last),
            }
            return;
        }
        let Some(frame) = self.stack.pop() else {
            return;
        };
        let kind = match frame.kind {
            FrameKind::List(items) => Kind::List(items),
            FrameKind::Map { entries, .. } => Kind::Map(entries),
        };
        let end = self.last.max(frame.start);
        self.value(Node {
            span: slips::span(frame.start..end),
            kind,
        });
    }

    /// A stretch of the source as the text that was meant.
    fn text_value(&mut self, bytes: Range<usize>) {
        let text = self.text.get(bytes.clone()).unwrap_or_default();
        self.last = bytes.end;
        if self.skipped.is_some() {
            return;
        }
        if self.at_key() {
            self.refuse_key();
            return;
        }
        let span = slips::span(bytes);
        self.value(Node {
            span,
            kind: Kind::Scalar(Scalar {
                text: text.into(),
                style: Style::SingleQuoted,
                spans: SpanMap::exact(span),
            }),
        });
    }

    fn scalar(
        &mut self,
        mut decoded: &str,
        style: ScalarStyle,
        bytes: Range<usize>,
        column: usize,
    ) {
        let omitted = style == ScalarStyle::Plain && decoded.is_empty();
        let (style, walked) = match style {
            ScalarStyle::Plain if omitted => {
                let at = self.omitted_at(bytes.start);
                (Style::Plain, spans::plain(self.text, at..at, ""))
            }
            ScalarStyle::Plain => (Style::Plain, spans::plain(self.text, bytes, decoded)),
            ScalarStyle::SingleQuoted => (
                Style::SingleQuoted,
                spans::quoted(self.text, bytes.start, b'\'', decoded),
            ),
            ScalarStyle::DoubleQuoted => (
                Style::DoubleQuoted,
                spans::quoted(self.text, bytes.start, b'"', decoded),
            ),
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let header = block_header(self.text, self.last).unwrap_or(bytes.start);
                decoded = clipped(self.text, header, decoded);
                let walked = spans::block(self.text, header, column, decoded);
                (Style::Block, walked)
            }
        };
        self.last = self.last.max(walked.bytes.end);
        if self.skipped.is_some() {
            return;
        }
        if self.at_key() {
            self.key(decoded, style, &walked.bytes, omitted);
            return;
        }
        let Walked { bytes, spans } = walked;
        self.value(Node {
            span: slips::span(bytes),
            kind: Kind::Scalar(Scalar {
                text: decoded.into(),
                style,
                spans,
            }),
        });
    }

    /// The parser points an omitted value at the next token; it belongs after its key or dash.
    fn omitted_at(&self, at: usize) -> usize {
        match self.stack.last().map(|frame| &frame.kind) {
            Some(FrameKind::Map {
                pending: Pending::Key(key),
                ..
            }) => key.span.end as usize,
            Some(FrameKind::List(_)) => after_dash(self.text, self.last).unwrap_or(at),
            _ => at,
        }
    }

    fn key(&mut self, name: &str, style: Style, bytes: &Range<usize>, omitted: bool) {
        let span = slips::span(bytes.clone());
        if omitted {
            self.errors.push(
                Diagnostic::error(Code::YAML_FEATURE, span, "a key is missing before the `:`")
                    .help("write `key: value`"),
            );
            return self.refuse_key();
        }
        if name == "<<" && style == Style::Plain {
            self.errors.push(
                slips::feature(bytes.clone(), "merge keys")
                    .help("write the keys out, or name the value in `vars`"),
            );
            return self.set_pending(Pending::Merge);
        }
        let name = self.name(name);
        let Some(Frame {
            kind:
                FrameKind::Map {
                    entries,
                    pending,
                    seen,
                },
            ..
        }) = self.stack.last_mut()
        else {
            return;
        };
        let first = if entries.len() <= FEW_KEYS {
            let mut keys = entries.iter().map(|entry| &entry.key);
            keys.find(|key| key.name == name).map(|key| key.span)
        } else {
            if seen.is_empty() {
                let keys = entries.iter().map(|entry| &entry.key);
                seen.extend(keys.map(|key| (key.name.clone(), key.span)));
            }
            seen.get(&name).copied()
        };
        match first {
            Some(first) => {
                *pending = Pending::Refused;
                self.errors.push(
                    Diagnostic::error(
                        Code::YAML_DUPLICATE_KEY,
                        span,
                        format!("the key `{name}` stands twice in this map"),
                    )
                    .also(first, "it stands here first"),
                );
            }
            None => {
                if !seen.is_empty() {
                    seen.insert(name.clone(), span);
                }
                *pending = Pending::Key(Key { name, span });
            }
        }
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(name) = self.names.get(name) {
            return name.clone();
        }
        let name: Arc<str> = name.into();
        if self.names.len() < MAX_NAMES {
            self.names.insert(name.clone());
        }
        name
    }

    fn refuse_key(&mut self) {
        self.set_pending(Pending::Refused);
    }

    fn set_pending(&mut self, new: Pending) {
        if let Some(Frame {
            kind: FrameKind::Map { pending, .. },
            ..
        }) = self.stack.last_mut()
        {
            *pending = new;
        }
    }

    /// Whether what is read belongs to a merge key.
    fn in_merge(&self) -> bool {
        self.stack.iter().any(|frame| {
            let FrameKind::Map { pending, .. } = &frame.kind else {
                return false;
            };
            matches!(pending, Pending::Merge)
        })
    }

    /// Puts a value where it belongs.
    fn value(&mut self, node: Node) {
        match self.stack.last_mut().map(|frame| &mut frame.kind) {
            None => self.root = Some(node),
            Some(FrameKind::List(items)) => items.push(node),
            Some(FrameKind::Map {
                entries, pending, ..
            }) => match std::mem::replace(pending, Pending::Nothing) {
                Pending::Key(key) => entries.push(Entry { key, value: node }),
                // Keys do not come here.
                Pending::Nothing | Pending::Refused | Pending::Merge => {}
            },
        }
    }
}

fn too_long(after: usize) -> Diagnostic {
    Diagnostic::error(
        Code::FILE_TOO_LARGE,
        slips::span(after..after),
        format!("the value after this has more than {MAX_SIGNS} commas, colons and brackets"),
    )
    .help("move the data to a file of its own, or write it in lines: `- ITEM`, `KEY: VALUE`")
}
