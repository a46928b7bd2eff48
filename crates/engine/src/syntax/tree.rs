//! The tree in the making: the lists and maps that are open, and keys and values put where they
//! belong.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use flowrun_card::Span;
use saphyr_parser::ScalarStyle;

use super::{
    Entry, Key, Kind, MAX_DEPTH, Node, Scalar, Style,
    between::{after_dash, after_space, block_header, clipped},
    positions::Positions,
    slips,
    spans::{self, Walked},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    source::SpanMap,
};

/// The most keys that are looked up for another use of the same: ids rarely have one.
const MAX_NAMES: usize = 256;

/// Maps with more keys look them up in a table.
const FEW_KEYS: usize = 8;

pub(super) struct Builder<'a> {
    pub(super) text: &'a str,
    pub(super) positions: Positions,
    pub(super) errors: &'a mut Diagnostics,
    /// The lists and maps that are open, outermost first.
    pub(super) stack: Vec<Frame>,
    /// A list or map whose content is not part of the tree.
    pub(super) skipped: Option<Skipped>,
    /// The line and the end of the last slip: what the parser then says of that line is no news.
    pub(super) slip: Option<(usize, usize)>,
    /// Keys repeat; each is in memory once.
    pub(super) names: HashSet<Arc<str>>,
    /// Where the last event ended.
    pub(super) last: usize,
    pub(super) root: Option<Node>,
}

pub(super) struct Frame {
    pub(super) start: usize,
    /// In brackets.
    pub(super) in_flow: bool,
    pub(super) kind: FrameKind,
}

pub(super) enum FrameKind {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        pending: Pending,
        /// Filled beyond [`FEW_KEYS`].
        seen: HashMap<Arc<str>, Span>,
    },
}

/// What stands before the next value of a map.
pub(super) enum Pending {
    Nothing,
    Key(Key),
    /// A key that was refused: its value is read and dropped.
    Refused,
    /// `<<`, whose value are aliases: they are not told again.
    Merge,
}

pub(super) struct Skipped {
    pub(super) start: usize,
    pub(super) depth: usize,
    pub(super) what: SkippedWhat,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum SkippedWhat {
    /// `{{ … }}` without quotes: read as the text that was meant.
    Mustache,
    /// A list or map in the place of a key.
    Key,
}

impl Builder<'_> {
    pub(super) fn in_flow(&self) -> bool {
        self.stack.last().is_some_and(|frame| frame.in_flow)
    }

    /// Whether the next node is a key.
    pub(super) fn at_key(&self) -> bool {
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

    pub(super) fn start(&mut self, bytes: Range<usize>, line: usize, kind: FrameKind) -> bool {
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

    pub(super) fn end(&mut self, bytes: Range<usize>, bracket: u8) {
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
    pub(super) fn text_value(&mut self, bytes: Range<usize>) {
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

    pub(super) fn scalar(
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
    pub(super) fn omitted_at(&self, at: usize) -> usize {
        match self.stack.last().map(|frame| &frame.kind) {
            Some(FrameKind::Map {
                pending: Pending::Key(key),
                ..
            }) => key.span.end as usize,
            Some(FrameKind::List(_)) => after_dash(self.text, self.last).unwrap_or(at),
            _ => at,
        }
    }

    pub(super) fn key(&mut self, name: &str, style: Style, bytes: &Range<usize>, omitted: bool) {
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

    pub(super) fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(name) = self.names.get(name) {
            return name.clone();
        }
        let name: Arc<str> = name.into();
        if self.names.len() < MAX_NAMES {
            self.names.insert(name.clone());
        }
        name
    }

    pub(super) fn refuse_key(&mut self) {
        self.set_pending(Pending::Refused);
    }

    pub(super) fn set_pending(&mut self, new: Pending) {
        if let Some(Frame {
            kind: FrameKind::Map { pending, .. },
            ..
        }) = self.stack.last_mut()
        {
            *pending = new;
        }
    }

    /// Whether what is read belongs to a merge key.
    pub(super) fn in_merge(&self) -> bool {
        self.stack.iter().any(|frame| {
            let FrameKind::Map { pending, .. } = &frame.kind else {
                return false;
            };
            matches!(pending, Pending::Merge)
        })
    }

    /// Puts a value where it belongs.
    pub(super) fn value(&mut self, node: Node) {
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
