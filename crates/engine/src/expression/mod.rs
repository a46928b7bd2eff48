//! Expressions: from text to something that can be checked once and evaluated many times.
//!
//! The lexer splits a scalar into text and mustaches; paths and plain calls go through a small
//! parser of our own, the structure of texts with blocks through the `handlebars` crate. The
//! checker resolves every name in a [`Scope`] and gives a [`Compiled`] expression with its type;
//! the evaluator reads values through [`Bindings`]. What an expression yields is data: nothing
//! parses it again.
//!
//! An expression, and a text with blocks, holds at most 16 KiB; parentheses and blocks nest at most
//! 32 deep, and nothing recurses deeper; a text that an expression makes holds at most 16 MiB.
//!
//! Where the language leaves a choice, it is this:
//!
//! - A scalar that is one mustache and line breaks, as a block scalar has them, keeps the type of
//!   its value; with spaces around it, which only quotes keep, it is a text.
//! - `\{{` is two braces as text; `\\{{` is a backslash and then an expression. Comments
//!   (`{{! … }}`) and white space control (`{{~ … ~}}`) are allowed in texts. A block tag or a
//!   comment alone on its line leaves no line behind.
//! - Two texts compare as instants where either is declared a datetime or a date (a date is the
//!   start of its day in UTC), as durations or sizes where either is declared as such, and by
//!   their characters where both are plain texts. Where nothing is known of one, two texts that
//!   are both RFC 3339 datetimes compare as instants.
//! - `eq` of values that can never be equal is an error of the checker where their types are
//!   known, and false otherwise. Null equals null only, and has no order.
//! - `default` takes over for null, for a card that was skipped and for a path that leads nowhere,
//!   also inside the functions of its first argument; not for errors.
//! - `it` is the element of the innermost function over elements; the first argument that is a
//!   list says what its type is.
//! - `glob` matches the whole text, and `*` and `?` do not match `/`; `**` does. `matches` finds
//!   its regular expression anywhere in the text.
//! - `{{#each}}` takes a list and names its item. Its `{{else}}` stands for an empty list.

mod ast;
mod blocks;
mod builtins;
mod call;
mod check;
mod compare;
mod compiled;
mod evaluate;
mod fault;
mod foresee;
mod lexer;
mod parse;
mod pattern;
mod refused;
mod report;
mod scalar;
mod scope;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    ast::Parsed,
    check::{Checked, SECRET_HELP, check},
    compiled::Compiled,
    evaluate::evaluate,
    foresee::{Foresight, foresee},
    lexer::has_mustache,
    pattern::check_regex,
    scalar::{parse_bare, parse_scalar},
    scope::{
        Binding, Bindings, Bound, EvaluationError, Member, Namespace, Reference, Root, RunField,
        Scope,
    },
};

/// The largest expression, and the largest text with blocks, in bytes.
const MAX_BYTES: usize = 16 << 10;

/// How deep parentheses and blocks may nest, together.
const MAX_DEPTH: usize = 32;
