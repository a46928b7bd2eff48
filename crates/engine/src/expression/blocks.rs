//! Texts with blocks, parsed by the `handlebars` crate.
//!
//! The crate gets the structure of the text and gives back the tree of its blocks, with the white
//! space around blocks treated as Handlebars does: a block tag alone on its line leaves no line.
//! Expressions go to the parser of this module's parent instead, because the crate's tree has no
//! spans and its text literals have escapes; the crate sees a name in each one's place, and an
//! escape or a comment never reaches it as such. What it gets is at most 16 KiB, at most 32 blocks
//! deep, and was found to be closed in order, so that it has nothing to object to: its parser is
//! quadratic and recursive, and its messages are not for authors.

use std::{fmt::Write, ops::Range};

use handlebars::template::{BlockParam, HelperTemplate, Parameter, Template, TemplateElement};

use super::{
    MAX_BYTES,
    ast::{Expr, Name, Piece},
    lexer::{Block, Token, TokenKind},
    parse,
    report::Report,
    scalar::push_text,
};
use crate::diagnostic::Code;

/// Roots and words of the language, which no block may give a new meaning.
const RESERVED: &[&str] = &[
    "inputs",
    "vars",
    "cards",
    "secrets",
    "connections",
    "env",
    "run",
    "item",
    "index",
    "result",
    "error",
    "trigger",
    "it",
    "this",
    "as",
    "else",
    "true",
    "false",
    "null",
];

/// The pieces of a text whose blocks are closed in order.
pub(super) fn pieces(text: &str, tokens: &[Token], report: &mut Report<'_>) -> Option<Vec<Piece>> {
    if text.len() > MAX_BYTES {
        return report.error(
            Code::EXPRESSION_TOO_LARGE,
            0..text.len(),
            "a text with blocks in it is larger than 16 KiB",
            "make it of several texts, each the output of a card of its own",
        );
    }
    let mut bridge = Bridge {
        text,
        report,
        template: String::with_capacity(text.len() + 64),
        parts: Vec::new(),
        depth: 0,
    };
    let mut whole = true;
    for token in tokens {
        whole &= bridge.token(token).is_some();
    }
    if !whole {
        return None;
    }
    let Bridge {
        report,
        template,
        parts,
        ..
    } = bridge;
    let mut tree = Tree { parts };
    let pieces = Template::compile(&template)
        .ok()
        .and_then(|template| tree.pieces(&template));
    match pieces {
        Some(pieces) => Some(pieces),
        None => report.syntax(
            0..text.len(),
            "the blocks of this text cannot be told apart",
            "put each block tag on a line of its own",
        ),
    }
}

/// What a name in the crate's tree stands for.
enum Part {
    Value(Expr),
    Text(String),
    Each(Expr, Name, Option<Name>),
    /// Already in the tree.
    Taken,
}

struct Bridge<'a, 'r, 'd> {
    text: &'a str,
    report: &'r mut Report<'d>,
    /// What the crate gets.
    template: String,
    /// By the number in their names.
    parts: Vec<Part>,
    depth: usize,
}

impl Bridge<'_, '_, '_> {
    fn token(&mut self, token: &Token) -> Option<()> {
        let before = if token.trim_before { "~" } else { "" };
        let after = if token.trim_after { "~" } else { "" };
        match &token.kind {
            TokenKind::Text => {
                let text = self.text.get(token.range.clone())?;
                self.template.push_str(text);
            }
            TokenKind::Literal(literal) => {
                let mut literal = literal.clone();
                // `{` and then the name's own braces would be three.
                while self.template.ends_with('{') {
                    self.template.pop();
                    literal.insert(0, '{');
                }
                let number = self.part(Part::Text(literal));
                self.write(format_args!("{{{{p{number}}}}}"))?;
            }
            TokenKind::Comment => self.write(format_args!("{{{{! }}}}"))?,
            TokenKind::Expression(range) => {
                let number = self.expression(range.clone())?;
                self.write(format_args!("{{{{{before}p{number}{after}}}}}"))?;
            }
            TokenKind::Open(block, range) => {
                self.depth += 1;
                let (number, names) = self.argument(*block, range.clone(), &token.range)?;
                let block = block.name();
                self.write(format_args!(
                    "{{{{{before}#{block} p{number}{names}{after}}}}}"
                ))?;
            }
            TokenKind::Else(None) => self.write(format_args!("{{{{{before}else{after}}}}}"))?,
            TokenKind::Else(Some((block, range))) => {
                let (number, _) = self.argument(*block, range.clone(), &token.range)?;
                let block = block.name();
                self.write(format_args!(
                    "{{{{{before}else {block} p{number}{after}}}}}"
                ))?;
            }
            TokenKind::Close(block) => {
                self.depth = self.depth.saturating_sub(1);
                let block = block.name();
                self.write(format_args!("{{{{{before}/{block}{after}}}}}"))?;
            }
        }
        Some(())
    }

    fn write(&mut self, arguments: std::fmt::Arguments<'_>) -> Option<()> {
        self.template.write_fmt(arguments).ok()
    }

    fn part(&mut self, part: Part) -> usize {
        self.parts.push(part);
        self.parts.len() - 1
    }

    fn expression(&mut self, range: Range<usize>) -> Option<usize> {
        let value = parse::expression(self.text, range, self.depth, self.report)?;
        Some(self.part(Part::Value(value)))
    }

    /// The argument of a block, and the names that it gives as the crate reads them.
    fn argument(
        &mut self,
        block: Block,
        range: Range<usize>,
        tag: &Range<usize>,
    ) -> Option<(usize, String)> {
        let text = self.text.get(range.clone())?;
        let bars = names(text).filter(|_| block == Block::Each);
        let Some((length, bars)) = bars else {
            if block == Block::Each {
                return self.report.syntax(
                    tag.clone(),
                    "an `each` block names its item",
                    "write `{{#each LIST as |item_name|}}`, or `{{#each LIST as |item_name index_name|}}`",
                );
            }
            return Some((self.expression(range)?, String::new()));
        };
        let bars = range.start + bars.start..range.start + bars.end;
        let mut found = Vec::new();
        for name in self.text.get(bars.clone())?.split_whitespace() {
            if !parse::is_name(name) || RESERVED.contains(&name) {
                return self.report.syntax(
                    bars,
                    format!("`{name}` cannot name an item"),
                    "choose a name of letters, digits, `_` and `-` that is not a word of the language",
                );
            }
            found.push(Name {
                text: name.into(),
                span: self.report.span(bars.clone()),
            });
        }
        let written = found
            .iter()
            .map(|name| &*name.text)
            .collect::<Vec<_>>()
            .join(" ");
        let mut found = found.into_iter();
        let (item, index) = match (found.next(), found.next(), found.next()) {
            (Some(item), index, None)
                if index.as_ref().is_none_or(|index| index.text != item.text) =>
            {
                (item, index)
            }
            _ => {
                return self.report.syntax(
                    bars,
                    "an `each` block gives one or two different names",
                    "write `as |item_name|`, or `as |item_name index_name|`",
                );
            }
        };
        let list = parse::expression(
            self.text,
            range.start..range.start + length,
            self.depth,
            self.report,
        )?;
        let number = self.part(Part::Each(list, item, index));
        Some((number, format!(" as |{written}|")))
    }
}

/// Finds `as |…|` at the end of a text: the length of what is before it, and what stands between
/// the bars.
fn names(text: &str) -> Option<(usize, Range<usize>)> {
    let body = text.trim_end().strip_suffix('|')?;
    let (before, names) = body.rsplit_once('|')?;
    let list = before.trim_end().strip_suffix("as")?;
    list.ends_with(char::is_whitespace)
        .then_some((list.len(), before.len() + 1..before.len() + 1 + names.len()))
}

/// Builds our pieces from the crate's tree. As deep as blocks nest.
struct Tree {
    parts: Vec<Part>,
}

impl Tree {
    /// Takes the part of a name such as `p7`.
    fn take(&mut self, name: &Parameter) -> Option<Part> {
        let number: usize = name.as_name()?.strip_prefix('p')?.parse().ok()?;
        let part = self.parts.get_mut(number)?;
        Some(std::mem::replace(part, Part::Taken))
    }

    fn pieces(&mut self, template: &Template) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        for element in &template.elements {
            match element {
                TemplateElement::RawString(text) => push_text(&mut pieces, text),
                TemplateElement::Comment(_) => {}
                TemplateElement::Expression(expression) => match self.take(&expression.name)? {
                    Part::Value(value) => pieces.push(Piece::Value(value)),
                    Part::Text(text) => push_text(&mut pieces, &text),
                    Part::Each(..) | Part::Taken => return None,
                },
                TemplateElement::HelperBlock(block) => pieces.push(self.block(block)?),
                _ => return None,
            }
        }
        Some(pieces)
    }

    fn block(&mut self, block: &HelperTemplate) -> Option<Piece> {
        let argument = self.take(block.params.first()?)?;
        let body = self.optional(block.template.as_ref())?;
        let otherwise = self.optional(block.inverse.as_ref())?;
        match (block.name.as_name()?, argument) {
            (name @ ("if" | "unless"), Part::Value(condition)) => Some(Piece::If {
                condition,
                negated: name == "unless",
                then: body,
                otherwise,
            }),
            ("each", Part::Each(list, item, index)) => {
                // The names went through the crate, which must have read them as we did.
                let same =
                    |parameter: &Parameter, name: &Name| parameter.as_name() == Some(&*name.text);
                let agreed = match (&block.block_param, &index) {
                    (Some(BlockParam::Single(one)), None) => same(one, &item),
                    (Some(BlockParam::Pair((one, two))), Some(index)) => {
                        same(one, &item) && same(two, index)
                    }
                    _ => false,
                };
                agreed.then_some(Piece::Each {
                    list,
                    item,
                    index,
                    body,
                    otherwise,
                })
            }
            _ => None,
        }
    }

    fn optional(&mut self, template: Option<&Template>) -> Option<Vec<Piece>> {
        template.map_or(Some(Vec::new()), |template| self.pieces(template))
    }
}
