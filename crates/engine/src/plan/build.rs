//! From a flow's text to its plan: every stage adds its diagnostics, and a plan comes out only where
//! none is an error.

use std::{num::NonZeroU32, sync::Arc};

use flowrun_card::{Connections, Registry, Type, TypeKind};

use super::{
    Plan, PlannedBody, PlannedCard, PlannedConnection, PlannedInput, PlannedSecret, PlannedVar,
    connections::connections,
    draft::{self, CardDraft, Draft, outputs_of},
    edges::{Edges, edges},
    layout::{Layout, number},
    order::order,
    scope::{Known, Place, Table},
    slots::{Checker, Owner},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics, Severity},
    engine::CheckOptions,
    expression::has_mustache,
    flow::{self, Action, ConnectionSource, Flow, Named},
    machine::{self, BodyId, CardId, Leaf, Loop, Program},
    source::Source,
    syntax,
};

/// Leaf actions at once in a run of a flow that says nothing.
const MAX_PARALLEL: u32 = 64;

/// Checks a flow and plans it.
pub(crate) fn build(
    source: &Source,
    registry: &Registry,
    connections: &dyn Connections,
    options: &CheckOptions,
) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut diagnostics = Diagnostics::default();
    let plan = syntax::parse(source, &mut diagnostics)
        .and_then(|root| {
            let flow = flow::decode(&root, &mut diagnostics)?;
            Some(plan(
                &flow,
                registry,
                connections,
                options,
                &mut diagnostics,
            ))
        })
        .flatten();
    let diagnostics = diagnostics.finish(source);
    let failed = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    (plan.filter(|_| !failed), diagnostics)
}

/// Plans a flow, card by card in the order in which they wait for each other.
pub(super) struct Planner<'a> {
    pub(super) checker: Checker<'a>,
    drafts: Vec<Option<CardDraft<'a>>>,
    edges: Vec<Edges>,
    cards: Vec<Option<PlannedCard>>,
    bodies: Vec<Option<PlannedBody>>,
}

fn plan(
    flow: &Flow,
    registry: &Registry,
    store: &dyn Connections,
    options: &CheckOptions,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let layout = Layout::new(flow, diagnostics);
    let drafts = draft::drafts(
        &layout,
        flow.defaults.connection.as_ref(),
        registry,
        diagnostics,
    );
    let edges = edges(&layout, &drafts, diagnostics);
    let nicknames = flow
        .connections
        .iter()
        .filter_map(|declared| match &declared.source {
            ConnectionSource::Nickname(nickname) => Some((
                Arc::clone(&nickname.value),
                Arc::clone(&declared.alias.value),
            )),
            _ => None,
        })
        .collect();
    let (planned_connections, connection_table) = connections(flow, store, options, diagnostics);
    let count = layout.cards.len();
    let bodies = layout.bodies.len();
    let mut planner = Planner {
        checker: Checker {
            registry,
            store,
            known: Known {
                layout,
                inputs: flow
                    .inputs
                    .iter()
                    .zip(0..)
                    .map(|(input, index)| {
                        let known = (index, input.ty.clone());
                        (Arc::clone(&input.name.value), known)
                    })
                    .collect(),
                vars: Table::new(),
                connections: connection_table,
                secrets: secret_table(flow, diagnostics),
                nicknames,
                types: vec![Type::ANY; count],
                items: vec![Type::ANY; count],
                skippable: vec![false; count],
            },
            diagnostics: std::mem::take(diagnostics),
            needed_kinds: vec![None; planned_connections.len()],
        },
        drafts: drafts.into_iter().map(Some).collect(),
        edges,
        cards: std::iter::repeat_with(|| None).take(count).collect(),
        bodies: std::iter::repeat_with(|| None).take(bodies).collect(),
    };
    if let Some(default) = &flow.defaults.connection
        && !has_mustache(&default.value.text)
    {
        // It may be that no card uses it.
        planner
            .checker
            .alias(&default.value.text, default.span, None);
    }
    let inputs = planner.inputs(flow);
    let vars = planner.vars(flow);
    let outputs = outputs_of(&flow.outputs, &mut planner.checker.diagnostics);
    let body = planner.body(BodyId::FLOW, Some(&outputs));
    let Planner {
        checker,
        edges,
        cards,
        bodies,
        ..
    } = planner;
    *diagnostics = checker.diagnostics;
    body?;
    let cards: Vec<PlannedCard> = cards.into_iter().collect::<Option<_>>()?;
    let bodies: Vec<PlannedBody> = bodies.into_iter().collect::<Option<_>>()?;
    let program = program(flow, &checker.known.layout, &edges)?;
    let connections = planned_connections
        .into_iter()
        .zip(checker.needed_kinds)
        .map(|(planned, needed)| PlannedConnection {
            own_kind: planned.own_kind.or_else(|| needed.clone()),
            kind: planned.kind.or(needed),
            ..planned
        })
        .collect();
    Some(Plan {
        id: Arc::clone(&flow.id.value),
        description: flow.description.clone(),
        program: Arc::new(program),
        cards,
        bodies,
        inputs: inputs?,
        secrets: secrets(flow)?,
        vars: vars?,
        connections,
        max_parallel: flow.max_parallel.map_or(MAX_PARALLEL, NonZeroU32::get),
    })
}

/// The secrets of a flow by name. Callers give inputs of type `secret` and these alike, by name.
fn secret_table(flow: &Flow, diagnostics: &mut Diagnostics) -> Table {
    let mut table = Table::new();
    for (secret, index) in flow.secrets.iter().zip(0..) {
        let name = &secret.name.value;
        let mut inputs = flow.inputs.iter();
        let same =
            inputs.find(|input| input.name.value == *name && input.ty.kind == TypeKind::Secret);
        if let Some(input) = same {
            diagnostics.push(
                Diagnostic::error(
                    Code::WRONG_VALUE,
                    secret.name.span,
                    format!("the input `{name}` is a secret of the same name"),
                )
                .also(input.name.span, "the input")
                .help("rename one of the two"),
            );
        }
        table.insert(Arc::clone(name), (index, Type::new(TypeKind::Secret)));
    }
    table
}

/// A flow without errors says of each secret where it is read from.
fn secrets(flow: &Flow) -> Option<Vec<PlannedSecret>> {
    flow.secrets
        .iter()
        .map(|secret| {
            Some(PlannedSecret {
                name: Arc::clone(&secret.name.value),
                source: secret.source.clone()?,
            })
        })
        .collect()
}

impl<'a> Planner<'a> {
    fn inputs(&mut self, flow: &Flow) -> Option<Vec<PlannedInput>> {
        let mut whole = true;
        let mut planned = Vec::with_capacity(flow.inputs.len());
        for input in &flow.inputs {
            let default = input.default.as_ref().map(|node| {
                let draft = Draft::of(node, &mut self.checker.diagnostics);
                self.checker
                    .slot(&draft, &input.ty, Place::Default, Owner::default())
            });
            whole &= !matches!(default, Some(None));
            planned.push(PlannedInput {
                name: Arc::clone(&input.name.value),
                ty: input.ty.clone(),
                required: input.required,
                default: default.flatten().map(|(slot, _)| slot),
                description: input.description.clone(),
            });
        }
        whole.then_some(planned)
    }

    fn vars(&mut self, flow: &Flow) -> Option<Vec<PlannedVar>> {
        let names: Vec<(&Named, u32)> = flow.vars.iter().map(|(name, _)| name).zip(0..).collect();
        for (name, index) in names {
            let known = (index, Type::ANY);
            self.checker
                .known
                .vars
                .insert(Arc::clone(&name.value), known);
        }
        let mut whole = true;
        let mut planned = Vec::with_capacity(flow.vars.len());
        for ((name, node), index) in flow.vars.iter().zip(0..) {
            let draft = Draft::of(node, &mut self.checker.diagnostics);
            let filled = self
                .checker
                .slot(&draft, &Type::ANY, Place::Var(index), Owner::default());
            match filled {
                Some((slot, ty)) => {
                    let known = (index, ty);
                    self.checker
                        .known
                        .vars
                        .insert(Arc::clone(&name.value), known);
                    planned.push(PlannedVar { slot });
                }
                None => whole = false,
            }
        }
        whole.then_some(planned)
    }

    /// Plans a body: its cards in order, then its outputs. Gives the type of its outputs, those
    /// that could not be planned as anything.
    ///
    /// As deep as a flow file can be nested.
    pub(super) fn body(
        &mut self,
        body: BodyId,
        outputs: Option<&[(&Named, Draft<'_>)]>,
    ) -> Option<Type> {
        let cards = self.checker.known.layout.body(body)?.cards.clone();
        let order = order(&cards, |card| {
            self.edges
                .get(card.0 as usize)
                .map_or(&[][..], |edges| &edges.waits)
        });
        for cycle in &order.cycles {
            self.report_cycle(cycle);
        }
        for card in order.sequence {
            if self.checker.diagnostics.is_full() {
                break;
            }
            let index = card.0 as usize;
            self.note_skippable(card);
            // Each draft is used once; taking it lets the planner go on with itself.
            let Some(draft) = self.drafts.get_mut(index).and_then(Option::take) else {
                continue;
            };
            let planned = self.card(card, &draft);
            if let Some(slot) = self.cards.get_mut(index) {
                *slot = planned;
            }
        }
        let (outputs, ty) = match outputs {
            None => {
                let fields = cards.iter().map(|card| {
                    let index = card.0 as usize;
                    let known = &self.checker.known;
                    let ty = known.types.get(index).cloned().unwrap_or(Type::ANY);
                    let skippable = known.skippable.get(index).copied().unwrap_or_default();
                    let ty = if skippable { ty.nullable() } else { ty };
                    (known.layout.id(*card).to_string(), ty)
                });
                (Some(None), Type::object(fields))
            }
            Some(outputs) => {
                let mut slots = Some(Vec::with_capacity(outputs.len()));
                let mut types = Vec::with_capacity(outputs.len());
                for (name, draft) in outputs {
                    let filled = self.checker.slot(
                        draft,
                        &Type::ANY,
                        Place::Outputs(body),
                        Owner::default(),
                    );
                    match filled {
                        Some((slot, ty)) => {
                            if let Some(slots) = &mut slots {
                                slots.push((Arc::clone(&name.value), slot));
                            }
                            types.push((name.value.to_string(), ty));
                        }
                        None => {
                            slots = None;
                            types.push((name.value.to_string(), Type::ANY));
                        }
                    }
                }
                (slots.map(Some), Type::object(types))
            }
        };
        if let Some(outputs) = outputs
            && let Some(slot) = self.bodies.get_mut(body.0 as usize)
        {
            *slot = Some(PlannedBody { cards, outputs });
        }
        Some(ty)
    }

    /// A card may be skipped by its own `when`, or because one that it requires may be.
    fn note_skippable(&mut self, card: CardId) {
        let known = &mut self.checker.known;
        let own = known
            .layout
            .card(card)
            .is_some_and(|placed| placed.card.when.is_some());
        let requires = self
            .edges
            .get(card.0 as usize)
            .map_or(&[][..], |edges| &edges.requires);
        let inherited = requires
            .iter()
            .any(|before| known.skippable.get(before.0 as usize) == Some(&true));
        if let Some(skippable) = known.skippable.get_mut(card.0 as usize) {
            *skippable = own || inherited;
        }
    }

    fn report_cycle(&mut self, cycle: &[CardId]) {
        let layout = &self.checker.known.layout;
        let ids: Vec<String> = cycle
            .iter()
            .map(|card| format!("`{}`", layout.id(*card)))
            .collect();
        let Some((first, others)) = cycle.split_first() else {
            return;
        };
        let mut diagnostic = if others.is_empty() {
            let id = layout.id(*first);
            let inner = layout
                .card(*first)
                .is_some_and(|placed| placed.group.is_some());
            Diagnostic::error(
                Code::CYCLE,
                layout.span(*first),
                if inner {
                    format!(
                        "`{id}` waits for itself: it, or a card inside it, reads `cards.{id}` or names it in `after`"
                    )
                } else {
                    format!("`{id}` waits for itself")
                },
            )
        } else {
            Diagnostic::error(
                Code::CYCLE,
                layout.span(*first),
                format!(
                    "these cards wait for each other: {} → {}",
                    ids.join(" → "),
                    ids.first().map_or("", String::as_str)
                ),
            )
        };
        for card in others {
            diagnostic = diagnostic.also(layout.span(*card), "part of the cycle");
        }
        let diagnostic =
            diagnostic.help("a card waits for every card that it reads and that its `after` names");
        self.checker.report(diagnostic);
    }
}

/// The machine's program. A flow without errors has one.
fn program(flow: &Flow, layout: &Layout<'_>, edges: &[Edges]) -> Option<Program> {
    let cards = layout
        .cards
        .iter()
        .zip(edges)
        .map(|(placed, edges)| {
            let card = placed.card;
            let timeout = card.timeout.as_ref().map(|timeout| timeout.value);
            let (action, timeout) = match (placed.group, &card.action) {
                (Some(body), _) => (machine::Action::Group(body), timeout),
                (None, Action::Card { .. } | Action::Group(_) | Action::Broken) => {
                    let retry = card.retry.as_ref().map(|retry| retry.value.clone());
                    let leaf = Leaf {
                        retry: retry.or_else(|| flow.defaults.retry.clone()),
                        timeout: timeout.or(flow.defaults.timeout),
                    };
                    (machine::Action::Leaf(leaf), None)
                }
            };
            machine::Card {
                body: placed.body,
                id: Arc::clone(&card.id.value),
                waits: edges.waits.clone(),
                requires: edges.requires.clone(),
                when: card.when.is_some(),
                for_each: card.for_each.as_ref().map(|each| Loop {
                    filter: each.filter.is_some(),
                    max_parallel: each.max_parallel.unwrap_or(Loop::MAX_PARALLEL),
                    tolerate: each.tolerate,
                }),
                timeout,
                action,
            }
        })
        .collect();
    Program::new(cards, number(layout.bodies.len())).ok()
}
