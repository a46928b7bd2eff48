//! IAM's wildcards: `*` for any text, `?` for any one character, and escapes for the literal ones.

/// A text with wildcards, as actions, resources and string conditions have them.
///
/// `*` is any number of characters (none too, and `/` and `:` among them), `?` is exactly one. In
/// resources and conditions `${*}`, `${?}` and `${$}` are the characters themselves; other policy
/// variables are refused.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    source: String,
    pub(crate) tokens: Vec<Token>,
    ignore_case: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Token {
    Char(char),
    One,
    Many,
}

impl Token {
    /// Whether whatever the other one stands for is one character that this one takes.
    fn takes(self, found: Token) -> bool {
        match self {
            Token::Char(_) => self == found,
            Token::One => found != Token::Many,
            Token::Many => false,
        }
    }
}

impl Pattern {
    /// Wildcards and escapes, case-sensitive: a resource, or a value of `StringLike`.
    ///
    /// # Errors
    /// The problem, where the text holds a policy variable or an open `${`.
    pub fn wildcard(source: &str) -> Result<Self, String> {
        Self::with_escapes(source, wildcards)
    }

    /// Escapes but no wildcards, case-sensitive: a value of `StringEquals`.
    ///
    /// # Errors
    /// As [`Pattern::wildcard`].
    pub fn exact(source: &str) -> Result<Self, String> {
        Self::with_escapes(source, |text, tokens| {
            tokens.extend(text.chars().map(Token::Char));
        })
    }

    /// An action: `*`, or a service and a name with wildcards, in any case.
    ///
    /// # Errors
    /// The problem, where the text is no action.
    pub fn action(source: &str) -> Result<Self, String> {
        let is_word = |text: &str, more: &[char]| {
            let is_fine = |c: char| c.is_ascii_alphanumeric() || more.contains(&c);
            !text.is_empty() && text.chars().all(is_fine)
        };
        let is_action = ["*", "*:*"].contains(&source)
            || source.split_once(':').is_some_and(|(service, name)| {
                is_word(service, &['-']) && is_word(name, &['*', '?'])
            });
        if is_action {
            Ok(Self::known_action(source))
        } else {
            Err(format!(
                "`{source}` is not an action, which looks like `s3:GetObject` or `s3:Get*`"
            ))
        }
    }

    /// An action as code names it.
    pub(crate) fn known_action(source: &str) -> Self {
        let mut tokens = Vec::new();
        wildcards(&source.to_ascii_lowercase(), &mut tokens);
        Self {
            source: source.to_owned(),
            tokens,
            ignore_case: true,
        }
    }

    /// Literal texts, escaped where IAM would read more in them, and `*` for each `None`.
    pub(crate) fn of_pieces<'a>(pieces: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut pattern = Self::of_tokens(&[]);
        for piece in pieces {
            match piece {
                None => pattern.push(Token::Many),
                Some(text) => text.chars().for_each(|c| pattern.push(Token::Char(c))),
            }
        }
        pattern
    }

    fn with_escapes(source: &str, plain: fn(&str, &mut Vec<Token>)) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once("${") {
            plain(before, &mut tokens);
            let Some((name, tail)) = after.split_once('}') else {
                return Err(format!("`{source}` opens `${{` and never closes it"));
            };
            tokens.push(Token::Char(match name {
                "*" => '*',
                "?" => '?',
                "$" => '$',
                _ => {
                    return Err(format!(
                        "the policy variable `${{{name}}}` is not supported, only `${{*}}`, \
                         `${{?}}` and `${{$}}` are"
                    ));
                }
            }));
            rest = tail;
        }
        plain(rest, &mut tokens);
        Ok(Self {
            source: source.to_owned(),
            tokens,
            ignore_case: false,
        })
    }

    /// The text as the policy has it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole text fits. Takes time up to the product of both lengths, and no memory.
    pub fn matches(&self, text: &str) -> bool {
        if self.ignore_case {
            let text = text.to_ascii_lowercase();
            fits(&self.tokens, text.chars().map(Token::Char))
        } else {
            fits(&self.tokens, text.chars().map(Token::Char))
        }
    }

    /// Whether this fits every text that the other fits. It says no where it cannot tell, which
    /// is only where `?` and `*` stand side by side in another order.
    pub fn covers(&self, other: &Pattern) -> bool {
        fits(&self.tokens, other.tokens.iter().copied())
    }

    /// Whether some text fits both. Takes time up to the product of both lengths.
    pub fn overlaps(&self, other: &Pattern) -> bool {
        // At each place of this pattern: which places of the other one a common start can reach.
        let width = other.tokens.len().saturating_add(1);
        let mut reached = vec![false; width];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        for token in self.tokens.iter().map(Some).chain([None]) {
            let mut next = vec![false; width];
            let mut from_left = false;
            for (place, here) in reached.iter_mut().enumerate() {
                *here |= from_left;
                let theirs = other.tokens.get(place);
                let is_many = |one: Option<&Token>| one == Some(&Token::Many);
                from_left = *here && (is_many(token) || is_many(theirs));
                let goes_on = match (token, theirs) {
                    (Some(Token::Many), _) | (Some(_), Some(Token::Many)) => Some(place),
                    (Some(ours), Some(theirs)) if ours.takes(*theirs) || theirs.takes(*ours) => {
                        Some(place.saturating_add(1))
                    }
                    _ => None,
                };
                if let Some(target) = goes_on.and_then(|target| next.get_mut(target)) {
                    *target |= *here;
                }
            }
            if token.is_none() {
                return reached.last() == Some(&true);
            }
            reached = next;
        }
        false
    }

    /// Whether it is one text only.
    pub(crate) fn is_literal(&self) -> bool {
        self.tokens
            .iter()
            .all(|token| matches!(token, Token::Char(_)))
    }

    /// These tokens, written with escapes.
    pub(crate) fn of_tokens(tokens: &[Token]) -> Self {
        let mut pattern = Self {
            source: String::new(),
            tokens: Vec::new(),
            ignore_case: false,
        };
        for &token in tokens {
            pattern.push(token);
        }
        pattern
    }

    fn push(&mut self, token: Token) {
        match token {
            Token::Char(c @ ('*' | '?' | '$')) => self.source.extend(['$', '{', c, '}']),
            Token::Char(other) => self.source.push(other),
            Token::One => self.source.push('?'),
            Token::Many if self.tokens.last() == Some(&Token::Many) => return,
            Token::Many => self.source.push('*'),
        }
        self.tokens.push(token);
    }
}

/// A pattern of an ARN: each of the six parts between colons fits by itself, so that a `*` in the
/// account never reaches into the resource. The last part takes the remaining colons.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnPattern {
    source: String,
    parts: Vec<Pattern>,
}

impl ArnPattern {
    /// Reads a value of `ArnEquals` or `ArnLike`, which are the same.
    ///
    /// # Errors
    /// The problem, where the text has fewer than six parts or a part is no pattern.
    pub fn new(source: &str) -> Result<Self, String> {
        let parts = source
            .splitn(ARN_PARTS, ':')
            .map(Pattern::wildcard)
            .collect::<Result<Vec<_>, _>>()?;
        if parts.len() < ARN_PARTS {
            return Err(format!(
                "`{source}` is not a pattern of an ARN, which has six parts between colons"
            ));
        }
        Ok(Self {
            source: source.to_owned(),
            parts,
        })
    }

    /// The text as the policy has it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the text is an ARN whose parts all fit.
    pub fn matches(&self, arn: &str) -> bool {
        let parts: Vec<_> = arn.splitn(ARN_PARTS, ':').collect();
        parts.len() == ARN_PARTS
            && self
                .parts
                .iter()
                .zip(parts)
                .all(|(pattern, part)| pattern.matches(part))
    }
}

const ARN_PARTS: usize = 6;

/// The usual two-pointer match: on a mismatch the last `*` takes one character more.
fn fits<Text: Iterator<Item = Token> + Clone>(tokens: &[Token], text: Text) -> bool {
    let (mut tokens, mut text) = (tokens, text);
    let mut last_many: Option<(&[Token], Text)> = None;
    loop {
        match tokens.split_first() {
            None if text.clone().next().is_none() => return true,
            None => {}
            Some((Token::Many, tail)) => {
                last_many = Some((tail, text.clone()));
                tokens = tail;
                continue;
            }
            Some((token, tail)) => {
                let mut ahead = text.clone();
                if ahead.next().is_some_and(|found| token.takes(found)) {
                    (tokens, text) = (tail, ahead);
                    continue;
                }
            }
        }
        let Some((after_many, from)) = &mut last_many else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        (tokens, text) = (after_many, from.clone());
    }
}

fn wildcards(text: &str, tokens: &mut Vec<Token>) {
    for c in text.chars() {
        match c {
            '*' if tokens.last() == Some(&Token::Many) => {}
            '*' => tokens.push(Token::Many),
            '?' => tokens.push(Token::One),
            other => tokens.push(Token::Char(other)),
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn variables_are_refused() {
        assert_eq!(
            Pattern::wildcard("home/${aws:username}/*").unwrap_err(),
            "the policy variable `${aws:username}` is not supported, only `${*}`, `${?}` and \
             `${$}` are"
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
        ] {
            let read = ArnPattern::new(pattern).unwrap();
            assert_eq!(read.matches(arn), expect, "`{pattern}` on `{arn}`");
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
}
