//! Wildcards, escapes and variables against texts, and patterns against each other.

use proptest::prelude::*;

use super::*;

#[test]
fn wildcards_match_as_iam_says() {
    for (pattern, text, expect) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("*", "a/b:c", true),
        ("?", "", false),
        ("?", "ü", true),
        ("?", "ab", false),
        ("a*c", "abbbc", true),
        ("a*c", "abcb", false),
        ("*ab*ab*", "abxab", true),
        ("*ab*ab*", "abxa", false),
        ("a**b", "ab", true),
        ("a?*", "a", false),
        ("a${*}b", "a*b", true),
        ("a${*}b", "axb", false),
        ("a${?}", "a?", true),
        ("a${?}", "ab", false),
        ("${$}{*}", "${anything}", true),
        ("${$}", "$", true),
        ("$", "$", true),
        ("$*", "$a", true),
        ("Key", "key", false),
    ] {
        let read = Pattern::wildcard(pattern).unwrap();
        assert_eq!(read.matches(text), expect, "`{pattern}` on `{text}`");
    }
}

#[test]
fn actions_ignore_case_and_look_like_actions() {
    for (pattern, action, expect) in [
        ("s3:GetObject", "S3:getobject", true),
        ("S3:GET*", "s3:GetObject", true),
        ("s3:Get?bject", "s3:GetObject", true),
        ("s3:Get", "s3:GetObject", false),
        ("*", "sts:AssumeRole", true),
        ("*:*", "sts:AssumeRole", true),
    ] {
        let read = Pattern::action(pattern).unwrap();
        assert_eq!(read.matches(action), expect, "`{pattern}` on `{action}`");
        assert_eq!(read.source(), pattern);
    }
    for text in [
        "",
        "s3",
        "s3:",
        ":Get",
        "s*:Get",
        "s3:Get Object",
        "s3:${*}",
        "s3:a:b",
    ] {
        assert_eq!(
            Pattern::action(text),
            Err(format!(
                "`{text}` is not an action, which looks like `s3:GetObject` or `s3:Get*`"
            ))
        );
    }
}

#[test]
fn exact_text_has_escapes_and_no_wildcards() {
    assert!(Pattern::exact("a*").unwrap().matches("a*"));
    assert!(!Pattern::exact("a*").unwrap().matches("ab"));
    assert!(Pattern::exact("a${*}").unwrap().matches("a*"));
}

#[test]
fn variables_are_the_values_of_the_request() {
    let values = Conditions::new()
        .with("aws:username", "ann*")
        .with("aws:PrincipalAccount", "111122223333");
    for (pattern, text, expect) in [
        ("home/${aws:username}/*", "home/ann*/a", true),
        ("home/${AWS:UserName}/*", "home/ann*/a", true),
        ("home/${aws:username}/*", "home/anna/a", false),
        ("${aws:PrincipalAccount}-${$}", "111122223333-$", true),
        ("home/${aws:userid}/*", "home//a", false),
        ("home/${aws:userid}/*", "home/${aws:userid}/a", false),
    ] {
        let read = Pattern::wildcard(pattern).unwrap();
        let matches = read.matches_with(text, &values);
        assert_eq!(matches, expect, "`{pattern}` on `{text}`");
        assert!(!read.matches(text), "`{pattern}` on `{text}`");
    }
    assert_eq!(
        Pattern::wildcard("home/${aws:PrincipalTag/team}/*").unwrap_err(),
        "the policy variable `${aws:PrincipalTag/team}` is not supported, only \
         `${aws:PrincipalAccount}`, `${aws:PrincipalArn}`, `${aws:userid}`, \
         `${aws:username}`, `${*}`, `${?}` and `${$}` are"
    );
    assert_eq!(
        Pattern::exact("a${*").unwrap_err(),
        "`a${*` opens `${` and never closes it"
    );
}

#[test]
fn arn_patterns_match_part_by_part() {
    for (pattern, arn, expect) in [
        (
            "arn:aws:iam::*:role/a",
            "arn:aws:iam::111122223333:role/a",
            true,
        ),
        ("arn:aws:iam::*:a", "arn:aws:iam::1:role/x:a", false),
        ("arn:aws:sns:*:*:a:b", "arn:aws:sns:eu:1:a:b", true),
        ("arn:aws:*:*:*:*", "not-an-arn", false),
        (
            "arn:aws:iam::${aws:PrincipalAccount}:role/*",
            "arn:aws:iam::111122223333:role/a",
            true,
        ),
    ] {
        let values = Conditions::new().with("aws:PrincipalAccount", "111122223333");
        let read = ArnPattern::new(pattern).unwrap();
        let matches = read.matches_with(arn, &values);
        assert_eq!(matches, expect, "`{pattern}` on `{arn}`");
    }
    assert_eq!(
        ArnPattern::new("arn:aws:iam::*").unwrap_err(),
        "`arn:aws:iam::*` is not a pattern of an ARN, which has six parts between colons"
    );
}

#[test]
fn a_pattern_covers_or_overlaps_another() {
    for (a, b, covers, overlaps) in [
        ("*", "a", true, true),
        ("a*", "a*b", true, true),
        ("a*", "a", true, true),
        ("a*b", "a*", false, true),
        ("a?", "a*", false, true),
        ("a?", "ab", true, true),
        ("a", "b", false, false),
        ("*a", "*b", false, false),
        ("a*", "*b", false, true),
        ("a${*}", "a*", false, true),
        ("a${*}", "ab", false, false),
        ("a*", "a${*}", true, true),
        ("a*", "a${aws:username}", true, true),
        ("a${aws:username}", "a${aws:username}", true, true),
        ("a${aws:username}", "abc", false, true),
        ("a${aws:username}", "b", false, false),
        ("a?", "a${aws:username}", false, true),
        ("a${aws:userid}", "a${aws:username}", false, true),
    ] {
        let (left, right) = (Pattern::wildcard(a).unwrap(), Pattern::wildcard(b).unwrap());
        assert_eq!(left.covers(&right), covers, "`{a}` covers `{b}`");
        assert_eq!(left.overlaps(&right), overlaps, "`{a}` overlaps `{b}`");
    }
}

/// Every text of `a` and `b` up to a length.
fn texts(longest: u32) -> impl Iterator<Item = String> {
    (0..=longest).flat_map(|length| {
        (0..1_u32 << length).map(move |bits| {
            (0..length)
                .map(|at| if bits >> at & 1 == 0 { 'a' } else { 'b' })
                .collect()
        })
    })
}

/// The same rule written for the eye instead of for speed.
fn reference(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|taken| reference(rest, &text[taken..])),
        Some(('?', rest)) => !text.is_empty() && reference(rest, &text[1..]),
        Some((c, rest)) => text.first() == Some(c) && reference(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn agrees_with_the_reference(pattern in "[ab*?]{0,8}", text in "[abc*]{0,10}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(
            Pattern::wildcard(&pattern).unwrap().matches(&text),
            reference(&chars(&pattern), &chars(&text))
        );
    }

    #[test]
    fn covering_and_overlapping_agree_with_the_texts(
        a in "[ab*?]{0,5}",
        b in "[ab*?]{0,5}",
        text in "[ab]{0,6}",
    ) {
        let (a, b) = (Pattern::wildcard(&a).unwrap(), Pattern::wildcard(&b).unwrap());
        if a.covers(&b) {
            prop_assert!(a.matches(&text) || !b.matches(&text));
            prop_assert!(a.overlaps(&b));
        }
        prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
        prop_assert!(a.overlaps(&b) || !(a.matches(&text) && b.matches(&text)));
        // Shortest common texts of such patterns are no longer than both together.
        if a.overlaps(&b) {
            prop_assert!(
                texts(10).any(|text| a.matches(&text) && b.matches(&text)),
                "`{}` and `{}`", a.source(), b.source()
            );
        }
    }

    #[test]
    fn an_escaped_text_matches_itself_and_nothing_else(
        text in "[a*?$\\{\\}]{0,6}",
        other in "[a*?$\\{\\}]{0,6}",
    ) {
        let pattern = Pattern::of_pieces([Some(text.as_str())]);
        prop_assert_eq!(&Pattern::wildcard(pattern.source()), &Ok(pattern.clone()));
        prop_assert!(pattern.matches(&text));
        prop_assert_eq!(pattern.matches(&other), text == other);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
        if let Ok(pattern) = Pattern::wildcard(&text) {
            pattern.matches(&text);
        }
    }
}
