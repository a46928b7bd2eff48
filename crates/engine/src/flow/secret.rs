//! Declared secrets: each says where the run reads it from.

use super::{
    Secret, id,
    keys::{self, Place},
    read::Reader,
};
use crate::{
    diagnostic::Code,
    run::SecretSource,
    syntax::{Entry, Kind, Node},
};

const PLACE: &Place = &keys::SECRET;

impl Reader<'_> {
    pub(super) fn secrets(&mut self, node: &Node) -> Vec<Secret> {
        let mut secrets = Vec::new();
        for Entry { key, value } in self.optional_map(node, "a map of secrets") {
            let name = self.name(&key.name, key.span, id::What::Secret);
            let source = self.secret_source(value);
            secrets.push(Secret { name, source });
        }
        secrets
    }

    fn secret_source(&mut self, node: &Node) -> Option<SecretSource> {
        const HELP: &str = "write `{ env: VARIABLE }` or `{ file: PATH }`";
        let Kind::Map(entries) = &node.kind else {
            // What stands here may be the secret itself: the message does not repeat it.
            self.error_with_help(
                Code::WRONG_TYPE,
                node.span,
                "a flow says where a secret is read from, and never what it is",
                HELP,
            );
            return None;
        };
        let mut found = Vec::new();
        let mut refused = false;
        for Entry { key, value } in entries {
            let source = match &*key.name {
                "env" => self
                    .fixed_text(value, "the name of an environment variable")
                    .filter(|name| self.variable(name)),
                "file" => self.fixed_text(value, "the path of a file"),
                _ => {
                    self.unknown_key(PLACE, key);
                    refused = true;
                    continue;
                }
            };
            refused |= source.is_none();
            found.extend(source.map(|source| match &*key.name {
                "env" => SecretSource::Env(source.value.to_string()),
                _ => SecretSource::File(source.value.to_string().into()),
            }));
        }
        if refused {
            return None;
        }
        if found.len() != 1 {
            let (code, message) = match found.is_empty() {
                true => (Code::MISSING_KEY, "the secret is read from nowhere"),
                false => (Code::WRONG_VALUE, "the secret is read from two places"),
            };
            self.error_with_help(code, node.span, message, HELP);
            return None;
        }
        found.pop()
    }

    fn variable(&mut self, name: &super::Named) -> bool {
        let fits = !name.value.is_empty() && !name.value.contains(['=', '\0', ' ', '$']);
        if !fits {
            self.error_with_help(
                Code::WRONG_VALUE,
                name.span,
                "this is no name of an environment variable",
                "write the name alone, such as `SSE_KEY`",
            );
        }
        fits
    }
}
