//! The codes of diagnostics: stable, each with a page `docs/errors/CODE.md`.

use std::fmt;

/// A rule that a flow file can break, by its stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static str);

impl Code {
    /// The name, such as `unknown-key`.
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $name:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $constant: Code = Code($name);)*

            /// Every code, in the order of this table.
            pub const ALL: &'static [Code] = &[$(Code::$constant),*];
        }
    };
}

codes! {
    /// The file is larger than 4 MiB.
    FILE_TOO_LARGE = "file-too-large";
    /// The file is not UTF-8.
    FILE_NOT_UTF8 = "file-not-utf8";
    /// The file holds no document.
    FILE_EMPTY = "file-empty";

    /// The YAML cannot be parsed.
    YAML_SYNTAX = "yaml-syntax";
    /// A tab where YAML needs spaces.
    YAML_TAB = "yaml-tab";
    /// A value that must be quoted: `{{ … }}`, `*.csv`, `*/5 * * * *`.
    YAML_UNQUOTED = "yaml-unquoted";
    /// A key stands twice in a mapping.
    YAML_DUPLICATE_KEY = "yaml-duplicate-key";
    /// A part of YAML that flows do not have: anchors, aliases, merge keys, tags, keys that are no
    /// text.
    YAML_FEATURE = "yaml-feature";
    /// Nested deeper than 64 levels.
    YAML_TOO_DEEP = "yaml-too-deep";
    /// More than one document.
    YAML_DOCUMENTS = "yaml-documents";

    /// A key that does not exist at its place.
    UNKNOWN_KEY = "unknown-key";
    /// A part of the language that this version does not have yet.
    NOT_SUPPORTED = "not-supported";
    /// A key that must be there is not.
    MISSING_KEY = "missing-key";
    /// An id of a form that ids do not have, or a reserved one.
    INVALID_ID = "invalid-id";
    /// A literal of the wrong type.
    WRONG_TYPE = "wrong-type";
    /// A literal of the right type that is not allowed.
    WRONG_VALUE = "wrong-value";
    /// A card without exactly one action.
    ONE_ACTION = "one-action";
    /// A modifier where it means nothing.
    MISPLACED_MODIFIER = "misplaced-modifier";
    /// An id that is used by a card around.
    SHADOWED_ID = "shadowed-id";
    /// Cards that wait for each other.
    CYCLE = "cycle";
    /// More errors than are shown.
    TOO_MANY_ERRORS = "too-many-errors";

    /// A card that the catalogue does not have.
    UNKNOWN_CARD = "unknown-card";
    /// A card's input that it does not have.
    UNKNOWN_INPUT = "unknown-input";
    /// A card's input that must be given.
    MISSING_INPUT = "missing-input";
    /// Inputs of a card that do not go together.
    INPUT_RULE = "input-rule";

    /// An alias that the flow does not declare.
    UNKNOWN_CONNECTION = "unknown-connection";
    /// A nickname that no connection has.
    CONNECTION_NOT_FOUND = "connection-not-found";
    /// A card that needs a connection and has none.
    MISSING_CONNECTION = "missing-connection";
    /// A connection of the wrong kind.
    WRONG_CONNECTION = "wrong-connection";

    /// An expression that cannot be parsed.
    EXPRESSION_SYNTAX = "expression-syntax";
    /// An expression longer than 16 KiB or deeper than 32 levels.
    EXPRESSION_TOO_LARGE = "expression-too-large";
    /// Handlebars that flows do not have.
    EXPRESSION_FEATURE = "expression-feature";
    /// A root that does not exist.
    UNKNOWN_ROOT = "unknown-root";
    /// A root that does not exist at this place.
    ROOT_NOT_HERE = "root-not-here";
    /// An input, var, card or connection that does not exist.
    UNKNOWN_NAME = "unknown-name";
    /// A card that exists, inside a body that this place cannot see into.
    OUT_OF_REACH = "out-of-reach";
    /// A field that the value does not have.
    UNKNOWN_FIELD = "unknown-field";
    /// A function that does not exist.
    UNKNOWN_FUNCTION = "unknown-function";
    /// Arguments that the function does not take.
    WRONG_ARGUMENTS = "wrong-arguments";
    /// An expression that yields what its place cannot take.
    EXPRESSION_TYPE = "expression-type";
    /// A list, an object or null in a text.
    NOT_TEXT = "not-text";
    /// A secret anywhere but as the whole value of a card's input that is declared secret.
    SECRET_USE = "secret-use";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_kebab_case() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for name in names {
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit()),
                "{name}"
            );
        }
    }
}
