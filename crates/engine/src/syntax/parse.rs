//! From the events of the YAML parser to the tree, with the parts of YAML refused that flows do
//! not have.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    ops::Range,
};

use saphyr_parser::{Event, Parser, ScanError};

use super::{
    Kind, Node, Style,
    positions::Positions,
    slips,
    text::{MAX_SIGNS, Text},
    tree::{Builder, FrameKind, Pending, Skipped, SkippedWhat},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    source::Source,
};

/// How deep lists and maps nest.
pub(crate) const MAX_DEPTH: usize = 64;

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
}

fn too_long(after: usize) -> Diagnostic {
    Diagnostic::error(
        Code::FILE_TOO_LARGE,
        slips::span(after..after),
        format!("the value after this has more than {MAX_SIGNS} commas, colons and brackets"),
    )
    .help("move the data to a file of its own, or write it in lines: `- ITEM`, `KEY: VALUE`")
}
