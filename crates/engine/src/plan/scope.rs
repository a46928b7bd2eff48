//! What an expression can read at its place in the flow.

use std::{collections::HashMap, sync::Arc};

use flowrun_card::{Format, Type, TypeKind};

use super::layout::Layout;
use crate::{
    diagnostic::Code,
    expression::{Binding, Member, Namespace, Root, RunField, Scope},
    machine::{BodyId, CardId},
    suggest,
};

/// A place where an expression can stand.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The default of an input.
    Default,
    /// A var, which reads those before it.
    Var(u32),
    /// The modifiers of a card that are decided before its items.
    Card(CardId),
    /// A card's action, once for each of its items.
    Action(CardId),
    /// The outputs of a body.
    Outputs(BodyId),
}

/// A name with its number and type.
pub(super) type Table = HashMap<Arc<str>, (u32, Type)>;

/// What is known of a flow while it is checked.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) layout: Layout<'a>,
    pub(super) inputs: Table,
    pub(super) vars: Table,
    pub(super) connections: Table,
    pub(super) secrets: Table,
    /// The alias that each nickname of the flow stands behind.
    pub(super) nicknames: HashMap<Arc<str>, Arc<str>>,
    /// What each card gives, by its number; anything until it is checked.
    pub(super) types: Vec<Type>,
    /// What each loop walks, by the number of its card.
    pub(super) items: Vec<Type>,
    /// Which cards may be skipped.
    pub(super) skippable: Vec<bool>,
}

impl Known<'_> {
    /// The cards whose items are around a place, innermost first, with what each calls its item.
    fn loops(&self, place: Place) -> impl Iterator<Item = (CardId, Option<&str>)> {
        let (own, body) = match place {
            Place::Default | Place::Var(_) => (None, None),
            Place::Card(card) => (None, self.layout.card(card).map(|placed| placed.body)),
            Place::Action(card) => (Some(card), self.layout.card(card).map(|placed| placed.body)),
            Place::Outputs(body) => (None, Some(body)),
        };
        let around = body.into_iter().flat_map(|body| {
            self.layout
                .around(body)
                .filter_map(|body| self.layout.body(body)?.owner)
        });
        own.into_iter().chain(around).filter_map(|card| {
            let for_each = self.layout.card(card)?.card.for_each.as_ref()?;
            Some((card, for_each.name.as_ref().map(|name| &*name.value)))
        })
    }

    fn item(&self, card: CardId) -> Type {
        self.items
            .get(card.0 as usize)
            .cloned()
            .unwrap_or(Type::ANY)
    }

    /// What a loop around a card calls its item by the same name as the card's own loop.
    pub(super) fn same_item(&self, card: CardId, name: Option<&str>) -> Option<CardId> {
        self.loops(Place::Card(card))
            .find(|(_, around)| *around == name)
            .map(|(card, _)| card)
    }
}

/// A place together with what is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) place: Place,
}

const ROOTS: [&str; 6] = ["inputs", "vars", "cards", "connections", "secrets", "run"];

impl At<'_> {
    fn body(&self) -> Option<BodyId> {
        match self.place {
            Place::Default | Place::Var(_) => None,
            Place::Card(card) | Place::Action(card) => {
                self.known.layout.card(card).map(|placed| placed.body)
            }
            Place::Outputs(body) => Some(body),
        }
    }

    fn namespace(&self, name: &str) -> Option<Result<Namespace, &'static str>> {
        let namespace = match name {
            "inputs" => Namespace::Inputs,
            "vars" => Namespace::Vars,
            "cards" => Namespace::Cards,
            "connections" => Namespace::Connections,
            "secrets" => Namespace::Secrets,
            "run" => Namespace::Run,
            _ => return None,
        };
        Some(match (self.place, namespace) {
            (_, Namespace::Run)
            | (Place::Card(_) | Place::Action(_) | Place::Outputs(_), _)
            | (
                Place::Var(_),
                Namespace::Inputs | Namespace::Vars | Namespace::Connections | Namespace::Secrets,
            ) => Ok(namespace),
            (Place::Var(_), _) => Err("vars are computed before any card runs"),
            (Place::Default, _) => Err("the default of an input reads `run` only"),
        })
    }

    fn item_root(&self, name: &str) -> Root {
        let mut loops = self.known.loops(self.place);
        if name == "index" {
            return match loops.next() {
                Some((card, _)) => Root::Value {
                    binding: Binding::Index(card.0),
                    ty: Type::integer(),
                },
                None => refused(
                    Code::ROOT_NOT_HERE,
                    "`index` exists only in a loop".to_owned(),
                    Some("it counts the items of a `for_each`".to_owned()),
                ),
            };
        }
        if let Some((card, _)) = loops.find(|(_, name)| name.is_none()) {
            return Root::Value {
                binding: Binding::Item(card.0),
                ty: self.known.item(card),
            };
        }
        let named = self.known.loops(self.place).find_map(|(_, name)| name);
        refused(
            Code::ROOT_NOT_HERE,
            match named {
                Some(name) => format!("the item of this loop is called `{name}`"),
                None => "`item` exists only in a loop".to_owned(),
            },
            Some(match named {
                Some(name) => format!("write `{name}`"),
                None => "it is the item of a `for_each`".to_owned(),
            }),
        )
    }

    fn unknown_root(&self, name: &str) -> Root {
        let known = self.known;
        let loops = self
            .known
            .loops(self.place)
            .map(|(_, name)| name.unwrap_or("item"));
        let boolean = match name {
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "True" | "TRUE" => Some("true"),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" | "False" | "FALSE" => Some("false"),
            _ => None,
        };
        let near = match boolean {
            Some(boolean) => Some(format!("write `{boolean}`")),
            None => suggest::among(name, ROOTS.into_iter().chain(loops)),
        };
        // A name without its root is the likelier slip.
        let within = [
            ("inputs", known.inputs.contains_key(name)),
            ("vars", known.vars.contains_key(name)),
            (
                "cards",
                self.body()
                    .is_some_and(|body| known.layout.find(body, name).is_some()),
            ),
            ("connections", known.connections.contains_key(name)),
            ("secrets", known.secrets.contains_key(name)),
        ];
        let rooted = within
            .iter()
            .find(|(_, found)| *found)
            .map(|(root, _)| format!("did you mean `{root}.{name}`?"));
        refused(
            Code::UNKNOWN_ROOT,
            format!("there is no `{name}` here"),
            rooted.or(near).or_else(|| {
                Some("an expression starts with `inputs`, `vars`, `cards`, `connections`, `run`, or the item of a loop; text stands in quotes".to_owned())
            }),
        )
    }

    fn card_member(&self, name: &str) -> Member {
        let layout = &self.known.layout;
        let Some(body) = self.body() else {
            return unknown("card", name, None);
        };
        if let Some(card) = layout.find(body, name) {
            let index = card.0 as usize;
            let ty = self.known.types.get(index).cloned().unwrap_or(Type::ANY);
            let in_outputs = matches!(self.place, Place::Outputs(_));
            let may_be_null =
                in_outputs && self.known.skippable.get(index).copied().unwrap_or_default();
            return Member::Value {
                binding: Binding::Card(card.0),
                ty: if may_be_null { ty.nullable() } else { ty },
            };
        }
        let near = suggest::among(name, layout.visible(body));
        let hidden = layout.anywhere(name);
        match hidden.and_then(|placed| Some((placed, layout.owner(placed.body)?))) {
            Some((placed, owner)) => {
                let owner = &owner.card.id.value;
                Member::Refused {
                    code: Code::OUT_OF_REACH,
                    message: format!(
                        "the card `{name}` cannot be seen from here: it stands inside `{owner}`"
                    ),
                    help: Some(format!(
                        "give what you need to the `outputs:` of `{owner}`, and read it from `cards.{owner}`"
                    )),
                    also: Some((
                        placed.card.id.span,
                        format!("`{name}` stands inside `{owner}`"),
                    )),
                }
            }
            None => {
                let visible: Vec<&str> = layout.visible(body).take(LISTED + 1).collect();
                let help = listed("the cards seen from here are", &visible);
                unknown("card", name, near.or(help))
            }
        }
    }
}

impl Scope for At<'_> {
    fn root(&self, name: &str) -> Root {
        match self.namespace(name) {
            Some(Ok(namespace)) => return Root::Namespace(namespace),
            Some(Err(why)) => {
                return refused(
                    Code::ROOT_NOT_HERE,
                    format!("`{name}` cannot be read here"),
                    Some(why.to_owned()),
                );
            }
            None => {}
        }
        let named = self
            .known
            .loops(self.place)
            .find(|(_, loop_name)| *loop_name == Some(name));
        if let Some((card, _)) = named {
            return Root::Value {
                binding: Binding::Item(card.0),
                ty: self.known.item(card),
            };
        }
        match name {
            "item" | "index" => self.item_root(name),
            "env" | "trigger" => refused(
                Code::NOT_SUPPORTED,
                format!("`{name}` is not supported yet"),
                Some("declare an input, and give it with `--input`".to_owned()),
            ),
            "result" => refused(
                Code::NOT_SUPPORTED,
                "`result` exists only in a `repeat`, which is not supported yet".to_owned(),
                Some("read a card's output as `cards.ID`".to_owned()),
            ),
            "error" => refused(
                Code::NOT_SUPPORTED,
                "`error` exists only in a `catch`, which is not supported yet".to_owned(),
                Some("an item that failed under `tolerate` has an `error` field".to_owned()),
            ),
            "it" => refused(
                Code::ROOT_NOT_HERE,
                "`it` exists only in the expression of a function over elements".to_owned(),
                Some("in a loop, the item is `item`, or what `as` names".to_owned()),
            ),
            _ => self.unknown_root(name),
        }
    }

    fn member(&self, namespace: Namespace, name: &str) -> Member {
        let table = |table: &Table, what: &str, binding: fn(u32) -> Binding| match table.get(name) {
            Some((index, ty)) => Member::Value {
                binding: binding(*index),
                ty: ty.clone(),
            },
            None => {
                // A hash table has no order: the suggestion shall not depend on it.
                let mut names: Vec<&str> = table.keys().map(|name| &**name).collect();
                names.sort_unstable();
                let near = suggest::among(name, names.iter().copied());
                let help = near.or_else(|| listed("it has", &names));
                unknown(what, name, help.or_else(|| declare(what, name, &names)))
            }
        };
        match namespace {
            Namespace::Inputs => table(&self.known.inputs, "input", Binding::Input),
            Namespace::Vars => match (self.place, self.known.vars.get(name)) {
                (Place::Var(own), Some((index, _))) if *index >= own => Member::Refused {
                    code: Code::UNKNOWN_NAME,
                    message: if *index == own {
                        format!("the var `{name}` reads itself")
                    } else {
                        format!("the var `{name}` comes later")
                    },
                    help: Some("a var reads those above it".to_owned()),
                    also: None,
                },
                _ => table(&self.known.vars, "var", Binding::Var),
            },
            Namespace::Connections => {
                table(&self.known.connections, "connection", Binding::Connection)
            }
            Namespace::Secrets => table(&self.known.secrets, "secret", Binding::Secret),
            Namespace::Cards => self.card_member(name),
            Namespace::Run => {
                let (field, ty) = match name {
                    "id" => (RunField::Id, Type::string()),
                    "flow" => (RunField::Flow, Type::string()),
                    "started_at" => (RunField::StartedAt, Type::formatted(Format::DateTime)),
                    _ => {
                        return Member::Refused {
                            code: Code::UNKNOWN_NAME,
                            message: format!("`run` has no `{name}`"),
                            help: suggest::among(name, ["id", "flow", "started_at"]).or_else(
                                || Some("it has `id`, `flow` and `started_at`".to_owned()),
                            ),
                            also: None,
                        };
                    }
                };
                Member::Value {
                    binding: Binding::Run(field),
                    ty,
                }
            }
        }
    }
}

/// More names than these are no help.
const LISTED: usize = 8;

/// The names that there are, where they are few.
fn listed(they_are: &str, names: &[&str]) -> Option<String> {
    if names.is_empty() || names.len() > LISTED {
        return None;
    }
    let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Some(format!("{they_are} {}", list.join(", ")))
}

/// How to declare a name where there are none of its kind.
fn declare(what: &str, name: &str, names: &[&str]) -> Option<String> {
    let written = match what {
        "input" => format!("inputs: {{ {name}: {{ type: string }} }}"),
        "var" => format!("vars: {{ {name}: VALUE }}"),
        "secret" => format!("secrets: {{ {name}: {{ env: VARIABLE }} }}"),
        _ => format!("connections: {{ {name}: NICKNAME }}"),
    };
    names
        .is_empty()
        .then(|| format!("declare it: `{written}` at the top of the flow"))
}

fn refused(code: Code, message: String, help: Option<String>) -> Root {
    Root::Refused {
        code,
        message,
        help,
    }
}

fn unknown(what: &str, name: &str, near: Option<String>) -> Member {
    let place = match what {
        "card" => "there is no card `NAME` here",
        "input" => "the flow has no input `NAME`",
        "var" => "the flow has no var `NAME`",
        "secret" => "the flow has no secret `NAME`",
        _ => "the flow has no connection `NAME`",
    };
    Member::Refused {
        code: Code::UNKNOWN_NAME,
        message: place.replace("NAME", name),
        help: near,
        also: None,
    }
}

/// The type of a connection of a kind.
pub(super) fn connection(kind: Option<&str>) -> Type {
    Type::new(TypeKind::Connection {
        kind: kind.map(str::to_owned),
    })
}
