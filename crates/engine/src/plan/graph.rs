//! The plan as a picture: Mermaid for documents and code reviews, DOT for Graphviz.

use std::fmt::Write as _;

use super::{Plan, PlannedAction};
use crate::machine::{BodyId, CardId};

impl Plan {
    /// The flow as a [Mermaid](https://mermaid.js.org/syntax/flowchart.html) flowchart: a node a
    /// card, a box a group or loop, an arrow where one waits for another.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart TD\n");
        self.mermaid_body(&mut text, BodyId::FLOW, 1);
        for (from, to) in self.edges() {
            writeln!(text, "  {} --> {}", node(from), node(to)).ok();
        }
        text
    }

    /// As deep as a flow file can be nested.
    fn mermaid_body(&self, text: &mut String, body: BodyId, depth: usize) {
        let indent = "  ".repeat(depth);
        for (id, label, group) in self.nodes(body) {
            let label = label.join("<br/>").replace('"', "#quot;");
            match group {
                // A box without nodes has no place for arrows to end.
                Some(inner) if self.body(inner).is_some_and(|body| !body.cards.is_empty()) => {
                    writeln!(text, "{indent}subgraph {}[\"{label}\"]", node(id)).ok();
                    self.mermaid_body(text, inner, depth + 1);
                    writeln!(text, "{indent}end").ok();
                }
                _ => {
                    writeln!(text, "{indent}{}[\"{label}\"]", node(id)).ok();
                }
            }
        }
    }

    /// The flow as a [DOT](https://graphviz.org/doc/info/lang.html) graph.
    pub fn dot(&self) -> String {
        let mut text = format!(
            "digraph \"{}\" {{\n  compound=true;\n  node [shape=box, fontname=\"sans-serif\"];\n",
            self.id
        );
        self.dot_body(&mut text, BodyId::FLOW, 1);
        for (from, to) in self.edges() {
            // DOT has no edges to boxes: they run between nodes within, and are cut at the border.
            let (tail, from_box) = self.anchor(from);
            let (head, to_box) = self.anchor(to);
            let mut attributes = Vec::new();
            if from_box {
                attributes.push(format!("ltail=cluster_{}", node(from)));
            }
            if to_box {
                attributes.push(format!("lhead=cluster_{}", node(to)));
            }
            let attributes = match attributes.as_slice() {
                [] => String::new(),
                some => format!(" [{}]", some.join(", ")),
            };
            writeln!(text, "  {} -> {}{attributes};", node(tail), node(head)).ok();
        }
        text.push_str("}\n");
        text
    }

    fn dot_body(&self, text: &mut String, body: BodyId, depth: usize) {
        let indent = "  ".repeat(depth);
        for (id, label, group) in self.nodes(body) {
            let label = label.join("\\n").replace('"', "\\\"");
            match group {
                Some(inner) if self.body(inner).is_some_and(|body| !body.cards.is_empty()) => {
                    writeln!(text, "{indent}subgraph cluster_{} {{", node(id)).ok();
                    writeln!(text, "{indent}  label=\"{label}\";").ok();
                    self.dot_body(text, inner, depth + 1);
                    writeln!(text, "{indent}}}").ok();
                }
                _ => {
                    writeln!(text, "{indent}{} [label=\"{label}\"];", node(id)).ok();
                }
            }
        }
    }

    /// A node for an edge that ends at a card, and whether the card is a box around it.
    fn anchor(&self, card: CardId) -> (CardId, bool) {
        let mut anchor = card;
        while let Some(PlannedAction::Group(body)) = self.card(anchor).map(|card| &card.action)
            && let Some(first) = self.body(*body).and_then(|body| body.cards.first())
        {
            anchor = *first;
        }
        (anchor, anchor != card)
    }

    /// The cards of a body with the lines of their labels, and the body of a group.
    fn nodes(&self, body: BodyId) -> impl Iterator<Item = (CardId, Vec<String>, Option<BodyId>)> {
        let cards = self.body(body).map_or(&[][..], |body| &body.cards);
        cards.iter().filter_map(|id| {
            let card = self.card(*id)?;
            let mut label = vec![card.id.to_string()];
            let group = match &card.action {
                PlannedAction::Card { card, .. } => {
                    label.push(card.spec().name.to_owned());
                    None
                }
                PlannedAction::Function { function, .. } => {
                    label.push(function.name.to_owned());
                    None
                }
                PlannedAction::Group(body) => Some(*body),
            };
            if card.when.is_some() {
                label.push("when".to_owned());
            }
            if card.for_each.is_some() {
                label.push("for each".to_owned());
            }
            Some((*id, label, group))
        })
    }

    /// Who waits for whom, in source order.
    fn edges(&self) -> Vec<(CardId, CardId)> {
        let ids = (0..).map(CardId).take(self.cards.len());
        ids.filter_map(|id| Some((id, self.program.card(id)?)))
            .flat_map(|(id, card)| card.waits.iter().map(move |before| (*before, id)))
            .collect()
    }
}

/// The name of a card's node: ids may hold what these languages do not take.
fn node(card: CardId) -> String {
    format!("c{card}")
}
