//! Cards: one action each, with modifiers.

use super::{
    Action, After, Card, ForEach, Group, Named, Spanned,
    decode::MAX_PARALLEL,
    id,
    keys::{self, not_supported},
    read::Reader,
};
use crate::{
    diagnostic::{Code, Diagnostic},
    machine::Tolerate,
    syntax::{Entry, Key, Kind, Node, Scalar},
};

const ACTIONS: [&str; 4] = ["card", "cards", "flow", "switch"];

/// The entries of a card, by key.
struct Keys<'n>(&'n [Entry]);

impl<'n> Keys<'n> {
    fn get(&self, name: &str) -> Option<(&'n Key, &'n Node)> {
        let entry = self.0.iter().find(|entry| &*entry.key.name == name)?;
        Some((&entry.key, &entry.value))
    }
}

impl Reader<'_> {
    /// None where there are no cards to read at all.
    pub(super) fn cards(&mut self, node: &Node) -> Option<Vec<Card>> {
        let Kind::Map(entries) = &node.kind else {
            let diagnostic = self.wrong_type(node, "a map of cards").help(
                "each card stands below its id: `cards: { ID: { card: NAME, with: { … } } }`",
            );
            self.errors.push(diagnostic);
            return None;
        };
        let mut cards = Vec::with_capacity(entries.len());
        for entry in entries {
            cards.push(self.card(entry));
            if self.errors.is_full() {
                break;
            }
        }
        Some(cards)
    }

    fn card(&mut self, entry: &Entry) -> Card {
        let mut card = Card {
            id: self.name(&entry.key.name, entry.key.span, id::What::Card),
            when: None,
            for_each: None,
            retry: None,
            timeout: None,
            after: Vec::new(),
            action: Action::Broken,
        };
        let Kind::Map(entries) = &entry.value.kind else {
            let diagnostic = self
                .wrong_type(&entry.value, "a card")
                .help(format!("write `{}: {{ card: NAME }}`", entry.key.name));
            self.errors.push(diagnostic);
            return card;
        };
        let found = Keys(entries);
        card.action = self.action(&entry.key, &found);
        for Entry { key, value } in entries {
            let span = value.span;
            match &*key.name {
                "when" => card.when = self.expression(value, "write `when: EXPRESSION`"),
                "retry" => {
                    if found.get("cards").is_none() {
                        let retry = self.retry(value);
                        card.retry = retry.map(|value| Spanned { value, span });
                    }
                }
                "timeout" => {
                    let timeout = self.timeout(value);
                    card.timeout = timeout.map(|value| Spanned { value, span });
                }
                "after" => card.after = self.after(value),
                "card" | "with" | "connection" | "cards" | "outputs" | "for_each" | "as"
                | "where" | "max_parallel" | "tolerate" | "flow" | "switch" => {}
                _ => self.unknown_key(&keys::CARD, key),
            }
        }
        card.for_each = self.for_each(&found);
        card
    }

    fn action(&mut self, id: &Key, found: &Keys<'_>) -> Action {
        let actions: Vec<(&Key, &Node)> =
            ACTIONS.iter().filter_map(|name| found.get(name)).collect();
        let (key, value) = match *actions.as_slice() {
            [] if ["card", "cards"]
                .into_iter()
                .any(|key| Self::was_meant(found.0, &keys::CARD, key)) =>
            {
                return Action::Broken;
            }
            [] => {
                self.error_with_help(
                    Code::ONE_ACTION,
                    id.span,
                    format!("card `{}` has no action", id.name),
                    "give it `card: NAME`, or `cards:` for a group",
                );
                return Action::Broken;
            }
            [one] => one,
            [(first, _), ..] => {
                let names: Vec<&str> = actions.iter().map(|(key, _)| &*key.name).collect();
                let message = format!(
                    "card `{}` has {} actions: {}",
                    id.name,
                    names.len(),
                    keys::list(&names)
                );
                let mut diagnostic = Diagnostic::error(Code::ONE_ACTION, id.span, message)
                    .help("a card has exactly one: make two cards of it");
                for (key, _) in &actions {
                    let label = if key.span == first.span {
                        "one"
                    } else {
                        "another"
                    };
                    diagnostic = diagnostic.also(key.span, label);
                }
                self.errors.push(diagnostic);
                return Action::Broken;
            }
        };
        match &*key.name {
            "card" => self.leaf(value, found),
            "cards" => self.group(value, found),
            _ => {
                self.errors.push(not_supported(key));
                Action::Broken
            }
        }
    }

    fn leaf(&mut self, name: &Node, found: &Keys<'_>) -> Action {
        if let Some((key, _)) = found.get("outputs") {
            self.misplaced(
                key,
                "`outputs` belongs to a group",
                "a card's outputs are those of the catalogue: read them as `cards.ID.NAME`",
            );
        }
        let with = match found.get("with") {
            Some((_, node)) if !node.is_null() => {
                self.map(node, "a map of inputs");
                Some(node.clone())
            }
            _ => None,
        };
        let connection = found
            .get("connection")
            .and_then(|(_, node)| self.connection(node));
        match self.fixed_text(name, "the name of a card") {
            Some(name) => Action::Card {
                name,
                with,
                connection,
            },
            None => Action::Broken,
        }
    }

    fn group(&mut self, cards: &Node, found: &Keys<'_>) -> Action {
        for (name, help) in [
            ("with", "give inputs to the cards inside"),
            ("connection", "name it on the cards inside"),
            ("retry", "put it on the cards inside"),
        ] {
            if let Some((key, _)) = found.get(name) {
                self.misplaced(
                    key,
                    &format!("`{name}` belongs to a card, and not to a group"),
                    help,
                );
            }
        }
        let outputs = found
            .get("outputs")
            .filter(|(_, node)| !node.is_null())
            .map(|(_, node)| self.named_values(node, "a map of outputs", id::What::Output));
        match self.cards(cards) {
            Some(cards) => Action::Group(Group { cards, outputs }),
            None => Action::Broken,
        }
    }

    fn misplaced(&mut self, key: &Key, message: &str, help: &str) {
        self.error_with_help(Code::MISPLACED_MODIFIER, key.span, message, help);
    }

    /// An alias, or an expression in braces.
    pub(super) fn connection(&mut self, node: &Node) -> Option<Spanned<Scalar>> {
        match &node.kind {
            Kind::Scalar(scalar) if !scalar.is_null() => Some(Spanned {
                value: scalar.clone(),
                span: node.span,
            }),
            _ => {
                let diagnostic = self
                    .wrong_type(node, "an alias of `connections`")
                    .help("write an alias, or an expression in braces that yields a connection");
                self.errors.push(diagnostic);
                None
            }
        }
    }

    fn for_each(&mut self, found: &Keys<'_>) -> Option<ForEach> {
        let list = found.get("for_each");
        if list.is_none() {
            for name in ["as", "where", "max_parallel", "tolerate"] {
                if let Some((key, _)) = found.get(name) {
                    self.misplaced(
                        key,
                        &format!("`{name}` means nothing without `for_each`"),
                        "add `for_each`, or remove it",
                    );
                }
            }
        }
        let (_, list) = list?;
        let list = self.expression(
            list,
            "name the list: write it into `vars`, and here `for_each: vars.NAME`",
        );
        let name = found.get("as").and_then(|(_, node)| self.item_name(node));
        let filter = found
            .get("where")
            .and_then(|(_, node)| self.expression(node, "write `where: EXPRESSION`"));
        let max_parallel = found
            .get("max_parallel")
            .and_then(|(_, node)| self.count(node, MAX_PARALLEL));
        let tolerate = found
            .get("tolerate")
            .and_then(|(_, node)| self.tolerate(node))
            .unwrap_or(Tolerate::Count(0));
        Some(ForEach {
            list: list?,
            name,
            filter,
            max_parallel,
            tolerate,
        })
    }

    fn item_name(&mut self, node: &Node) -> Option<Named> {
        let text = self.text(node, "a name for the item")?;
        Some(self.name(&text.value, text.span, id::What::Item))
    }

    fn tolerate(&mut self, node: &Node) -> Option<Tolerate> {
        let text = self.text(node, "how many items may fail")?;
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let tolerate = if &*text.value == "all" {
            Some(Tolerate::All)
        } else if let Some(percent) = text.value.strip_suffix('%') {
            let percent = Some(percent).filter(|percent| is_number(percent));
            let percent = percent.and_then(|percent| percent.parse::<u8>().ok());
            percent
                .filter(|percent| *percent <= 100)
                .map(Tolerate::Percent)
        } else {
            let count = Some(&*text.value).filter(|text| is_number(text));
            count
                .and_then(|count| count.parse().ok())
                .map(Tolerate::Count)
        };
        if tolerate.is_none() {
            self.error_with_help(
                Code::WRONG_VALUE,
                node.span,
                format!("`{}` does not say how many items may fail", text.value),
                "write a number, a percentage up to `100%`, or `all`",
            );
        }
        tolerate
    }

    fn after(&mut self, node: &Node) -> Vec<After> {
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        items
            .iter()
            .filter_map(|item| self.after_one(item))
            .collect()
    }

    fn after_one(&mut self, node: &Node) -> Option<After> {
        const WHAT: &str = "the id of a card";
        let Kind::Map(entries) = &node.kind else {
            let card = self.fixed_text(node, WHAT)?;
            return Some(After {
                card,
                or_skipped: false,
            });
        };
        let mut card = None;
        let mut or_skipped = false;
        let mut given = false;
        for Entry { key, value } in entries {
            match &*key.name {
                "card" => {
                    given = true;
                    card = self.fixed_text(value, WHAT);
                }
                "or_skipped" => or_skipped = self.boolean(value).unwrap_or_default(),
                _ => self.unknown_key(&keys::AFTER, key),
            }
        }
        if !given && !Self::was_meant(entries, &keys::AFTER, "card") {
            self.error_with_help(
                Code::MISSING_KEY,
                node.span,
                "an item of `after` names no card",
                "write `{ card: ID, or_skipped: true }`",
            );
        }
        Some(After {
            card: card?,
            or_skipped,
        })
    }
}
