//! The order of the cards of a body: the graph of who waits for whom, its cycles, and a sequence in
//! which every card comes after those it waits for.

use std::collections::{HashMap, HashSet};

use petgraph::{
    algo::tarjan_scc,
    graph::{DiGraph, NodeIndex},
};

use crate::machine::CardId;

/// A body in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Every card, after those that it waits for, otherwise as they stand in the file.
    pub(super) sequence: Vec<CardId>,
    /// Cards that wait for each other, each cycle in the direction of the flow, from the card that
    /// stands first in the file.
    pub(super) cycles: Vec<Vec<CardId>>,
}

/// Orders the cards of a body. `waits` gives, for each of them, the cards of the same body that it
/// waits for.
pub(super) fn order<'a>(cards: &[CardId], waits: impl Fn(CardId) -> &'a [CardId]) -> Order {
    let mut graph: DiGraph<CardId, ()> = DiGraph::with_capacity(cards.len(), cards.len());
    let nodes: HashMap<CardId, NodeIndex> = cards
        .iter()
        .map(|card| (*card, graph.add_node(*card)))
        .collect();
    for card in cards {
        for before in waits(*card) {
            if let (Some(from), Some(to)) = (nodes.get(before), nodes.get(card)) {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    let mut cycles = Vec::new();
    for component in tarjan_scc(&graph) {
        let is_cycle = match component.as_slice() {
            [single] => graph.find_edge(*single, *single).is_some(),
            _ => true,
        };
        if is_cycle {
            cycles.push(round(&graph, &component));
        }
    }
    cycles.sort();
    let sequence = sequence(cards, &waits);
    Order { sequence, cycles }
}

/// Goes through the cards as they stand in the file, each after those that it waits for.
fn sequence<'a>(cards: &[CardId], waits: &impl Fn(CardId) -> &'a [CardId]) -> Vec<CardId> {
    let members: HashSet<CardId> = cards.iter().copied().collect();
    let mut seen = HashSet::with_capacity(cards.len());
    let mut sequence = Vec::with_capacity(cards.len());
    // The way to where the search is: each card with what is left of its waits. Chains of cards
    // are longer than calls can be nested.
    let mut way = Vec::new();
    for card in cards {
        if seen.insert(*card) {
            way.push((*card, waits(*card).iter()));
        }
        while let Some((card, rest)) = way.last_mut() {
            match rest.next() {
                Some(before) if members.contains(before) && seen.insert(*before) => {
                    way.push((*before, waits(*before).iter()));
                }
                Some(_) => {}
                None => {
                    sequence.push(*card);
                    way.pop();
                }
            }
        }
    }
    sequence
}

/// The shortest way around within a component, from its first card back to itself, then the
/// members that are not on it: every member is named.
fn round(graph: &DiGraph<CardId, ()>, component: &[NodeIndex]) -> Vec<CardId> {
    let Some(first) = component
        .iter()
        .copied()
        .min_by_key(|node| graph.node_weight(*node))
    else {
        return Vec::new();
    };
    let members: HashSet<NodeIndex> = component.iter().copied().collect();
    let mut from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = std::collections::VecDeque::from([first]);
    let mut last = first;
    'search: while let Some(node) = queue.pop_front() {
        let mut next: Vec<NodeIndex> = graph
            .neighbors(node)
            .filter(|next| members.contains(next))
            .collect();
        next.sort_by_key(|next| graph.node_weight(*next));
        for next in next {
            if next == first {
                last = node;
                break 'search;
            }
            if let std::collections::hash_map::Entry::Vacant(entry) = from.entry(next) {
                entry.insert(node);
                queue.push_back(next);
            }
        }
    }
    let mut way = vec![last];
    while let Some(node) = way.last()
        && *node != first
        && let Some(before) = from.get(node)
    {
        way.push(*before);
    }
    way.reverse();
    let on_the_way: HashSet<NodeIndex> = way.iter().copied().collect();
    let mut rest: Vec<NodeIndex> = members.difference(&on_the_way).copied().collect();
    rest.sort_by_key(|node| graph.node_weight(*node));
    way.into_iter()
        .chain(rest)
        .filter_map(|node| graph.node_weight(node).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(waits: &[&[u32]], sequence: &[u32], cycles: &[&[u32]]) {
        let waits: Vec<Vec<CardId>> = waits
            .iter()
            .map(|cards| cards.iter().map(|card| CardId(*card)).collect())
            .collect();
        let cards: Vec<CardId> = (0..).map(CardId).take(waits.len()).collect();
        let found = order(&cards, |card| &waits[card.0 as usize]);
        let ids = |cards: &[CardId]| cards.iter().map(|card| card.0).collect::<Vec<_>>();
        let mut position = vec![0; cards.len()];
        for (at, card) in found.sequence.iter().enumerate() {
            position[card.0 as usize] = at;
        }
        assert_eq!(found.sequence.len(), cards.len());
        if cycles.is_empty() {
            for (card, waits) in waits.iter().enumerate() {
                for before in waits {
                    assert!(position[before.0 as usize] < position[card]);
                }
            }
        }
        if !sequence.is_empty() {
            assert_eq!(ids(&found.sequence), sequence);
        }
        let named: Vec<Vec<u32>> = found.cycles.iter().map(|cycle| ids(cycle)).collect();
        assert_eq!(named, cycles);
    }

    #[test]
    fn cards_come_after_what_they_wait_for() {
        check(&[&[], &[0], &[1]], &[0, 1, 2], &[]);
        check(&[&[2], &[0], &[]], &[2, 0, 1], &[]);
        check(&[&[], &[0], &[0], &[1, 2]], &[0, 1, 2, 3], &[]);
        check(&[&[], &[], &[4], &[], &[]], &[0, 1, 4, 2, 3], &[]);
    }

    #[test]
    fn cycles_name_every_member_in_the_direction_of_the_flow() {
        check(&[&[0]], &[], &[&[0]]);
        check(&[&[2], &[0], &[1]], &[], &[&[0, 1, 2]]);
        // 0 → 1 → 0 and 1 → 2 → 1: one component, the shortest way around first.
        check(&[&[1], &[0, 2], &[1]], &[], &[&[0, 1, 2]]);
        check(&[&[1], &[0], &[3], &[2], &[]], &[], &[&[0, 1], &[2, 3]]);
    }
}
