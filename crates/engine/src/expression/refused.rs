//! What authors bring along from Handlebars and from other languages, each with what to write
//! instead.

use std::ops::Range;

use super::parse::Parser;
use crate::diagnostic::Code;

/// A spelling, what it is called in the message, and what to write. Longer spellings stand before
/// those that they start with.
const SPELLINGS: &[(&str, &str)] = &[
    ("===", "write `eq a b`"),
    ("==", "write `eq a b`"),
    ("!==", "write `ne a b`"),
    ("!=", "write `ne a b`"),
    (">=", "write `gte a b`"),
    ("<=", "write `lte a b`"),
    (">", "write `gt a b`"),
    ("<", "write `lt a b`"),
    ("&&", "write `and a b`"),
    (
        "||",
        "write `or a b`, or `default a b` for a value that may be missing",
    ),
    (
        "|",
        "write the function first, such as `text.upper (text.trim inputs.name)`",
    ),
    ("??", "write `default a b`"),
    ("?", "write `default a b` for a value that may be missing"),
    ("!", "write `not a`"),
    ("&", "write `and a b`"),
    ("+", "write a function, such as `number.add a b`"),
    ("-", "write a function, such as `number.subtract a b`"),
    ("*", "write a function, such as `number.multiply a b`"),
    (
        "/",
        "write a dot between the names of a path, or a function such as `number.divide a b`",
    ),
    (
        "%",
        "write a function of numbers, such as `number.divide a b`",
    ),
    (
        "../",
        "every name is seen from everywhere inside: write it without `../`",
    ),
    (
        "..",
        "every name is seen from everywhere inside: write it without `..`",
    ),
    ("./", "write the whole name, such as `inputs.name`"),
    ("@root", "write the whole name, such as `inputs.name`"),
    (
        "@index",
        "write `index`, or the second name in `{{#each … as |item index|}}`",
    ),
    (
        "@",
        "write the name that `as` gives: `{{#each … as |item index|}}`",
    ),
    (
        "[",
        "write `list.first` or `list.slice` for items of a list; to loop over them, `for_each`",
    ),
    (
        ":",
        "write a dot between the names of a path, such as `inputs.name` or `text.upper`",
    ),
    (",", "separate arguments by spaces: `eq a b`"),
    (
        "$",
        "write `{{ … }}` and the name alone, such as `inputs.name`",
    ),
    (
        "{",
        "an object is written in YAML, with an expression for each value",
    ),
    (
        "#",
        "a text block gives a text and stands in one; here stands one value",
    ),
    ("`", "write a text in single or double quotes"),
    ("\u{2018}", "write a text in straight quotes: `'text'`"),
    ("\u{2019}", "write a text in straight quotes: `'text'`"),
    ("\u{201c}", "write a text in straight quotes: `\"text\"`"),
    ("\u{201d}", "write a text in straight quotes: `\"text\"`"),
];

/// Reports what stands at the parser's place, which starts no term.
pub(super) fn at<T>(parser: &mut Parser<'_, '_, '_>) -> Option<T> {
    let rest = parser.rest();
    let start = parser.at;
    if rest.is_empty() || rest.starts_with(')') {
        return parser.report.syntax(
            start.saturating_sub(1)..start,
            "a value is missing here",
            "an argument has the form `name=value`",
        );
    }
    if let Some((spelling, help)) = SPELLINGS
        .iter()
        .filter(|(spelling, _)| rest.starts_with(spelling))
        .max_by_key(|(spelling, _)| spelling.len())
    {
        return parser.report.refuse(
            start..start + spelling.len(),
            format!("`{spelling}` is not part of the language"),
            *help,
        );
    }
    let length = rest.chars().next().map_or(1, char::len_utf8);
    let found = rest.get(..length).unwrap_or_default();
    let (message, help) = match found {
        "=" => (
            "this `=` has no name before it".to_owned(),
            "an argument has the form `name=value`; to compare, write `eq a b`",
        ),
        "}" => (
            "a single `}` in an expression".to_owned(),
            "close the expression with `}}`",
        ),
        "\\" => (
            "a `\\` outside a text".to_owned(),
            "texts stand in quotes, and a `\\` in them is itself: `'\\.csv$'`",
        ),
        other => (
            format!("`{}` is not expected here", other.escape_debug()),
            "name a value, such as `inputs.name`, or call a function: `text.upper inputs.name`",
        ),
    };
    parser.report.error(
        Code::EXPRESSION_SYNTAX,
        start..start + length,
        message,
        help,
    )
}

/// Reports `this`, alone or in a path.
pub(super) fn this<T>(parser: &mut Parser<'_, '_, '_>, range: Range<usize>) -> Option<T> {
    parser.report.refuse(
        range,
        "`this` is not part of the language",
        "write the item's name: `item` or what `as` names in a loop, the name between the bars in `{{#each … as |name|}}`, `it` in a function over elements",
    )
}
