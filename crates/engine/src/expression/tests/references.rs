//! What an expression reads, before any name is resolved.

use super::*;

#[track_caller]
fn check_references(text: &str, expect: &[(&str, Option<&str>, bool, &str)]) {
    let mut diagnostics = Diagnostics::default();
    let parsed = parse_scalar(text, &spans(text), &mut diagnostics).unwrap();
    let found: Vec<_> = parsed
        .references()
        .into_iter()
        .map(|one| {
            let at = text.get(one.span.range()).unwrap();
            (one.root, one.member, one.lifted, at)
        })
        .collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn every_path_is_a_reference() {
    check_references("plain", &[]);
    check_references(
        "a{{ cards.a.b }}{{ item }}",
        &[
            ("cards", Some("a"), false, "cards.a.b"),
            ("item", None, false, "item"),
        ],
    );
    check_references(
        "{{ list.filter cards.a.list (gt it.size cards.b) }}",
        &[
            ("cards", Some("a"), false, "cards.a.list"),
            ("it", Some("size"), false, "it.size"),
            ("cards", Some("b"), false, "cards.b"),
        ],
    );
    check_references(
        "{{ f x=cards.a }}",
        &[("cards", Some("a"), false, "cards.a")],
    );
}

#[test]
fn default_lifts_what_it_stands_in_for() {
    check_references(
        "{{ default (text.upper cards.a.b) cards.c }}",
        &[
            ("cards", Some("a"), true, "cards.a.b"),
            ("cards", Some("c"), false, "cards.c"),
        ],
    );
    check_references(
        "{{ default (default cards.a cards.b) (default cards.c cards.d) }}",
        &[
            ("cards", Some("a"), true, "cards.a"),
            ("cards", Some("b"), true, "cards.b"),
            ("cards", Some("c"), true, "cards.c"),
            ("cards", Some("d"), false, "cards.d"),
        ],
    );
}

#[test]
fn names_that_each_gives_are_no_references() {
    check_references(
        "{{#each cards.a.list as |one at|}}{{#if (gt at 0)}}{{ one.key }}{{ cards.b }}{{else}}{{ other }}{{/if}}{{else}}{{ one }}{{/each}}{{ at }}",
        &[
            ("cards", Some("a"), false, "cards.a.list"),
            ("cards", Some("b"), false, "cards.b"),
            ("other", None, false, "other"),
            ("one", None, false, "one"),
            ("at", None, false, "at"),
        ],
    );
}
