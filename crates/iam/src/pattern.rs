//! IAM's wildcards: `*` for any text, `?` for any one character, and escapes for the literal ones.

use std::borrow::Cow;

use crate::Conditions;

/// A text with wildcards, as actions, resources and string conditions have them.
///
/// `*` is any number of characters (none too, and `/` and `:` among them), `?` is exactly one. In
/// resources and conditions `${*}`, `${?}` and `${$}` are the characters themselves, and
/// `${aws:PrincipalAccount}`, `${aws:PrincipalArn}`, `${aws:userid}` and `${aws:username}` stand for
/// who asks; other policy variables are refused.
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
    Variable(Variable),
}

impl Token {
    /// Whether this one takes whatever the other one stands for, as a whole.
    fn takes(self, found: Token) -> bool {
        match self {
            Token::Char(_) | Token::Variable(_) => self == found,
            Token::One => matches!(found, Token::Char(_) | Token::One),
            Token::Many => false,
        }
    }

    /// Whether it may stand for any text.
    fn is_open(self) -> bool {
        matches!(self, Token::Many | Token::Variable(_))
    }
}

/// A policy variable: a value of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variable {
    PrincipalAccount,
    PrincipalArn,
    UserId,
    Username,
}

impl Variable {
    const ALL: [Variable; 4] = [
        Variable::PrincipalAccount,
        Variable::PrincipalArn,
        Variable::UserId,
        Variable::Username,
    ];

    /// The condition key that has its value.
    fn key(self) -> &'static str {
        match self {
            Variable::PrincipalAccount => "aws:PrincipalAccount",
            Variable::PrincipalArn => "aws:PrincipalArn",
            Variable::UserId => "aws:userid",
            Variable::Username => "aws:username",
        }
    }

    /// Names ignore case, as condition keys do.
    fn parse(name: &str) -> Option<Self> {
        let is_it = |variable: &Variable| variable.key().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is_it)
    }
}

impl Pattern {
    /// Wildcards and escapes, case-sensitive: a resource, or a value of `StringLike`.
    ///
    /// # Errors
    /// The problem, where the text holds another policy variable or an open `${`.
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
            tokens.push(match (name, Variable::parse(name)) {
                ("*", _) => Token::Char('*'),
                ("?", _) => Token::Char('?'),
                ("$", _) => Token::Char('$'),
                (_, Some(variable)) => Token::Variable(variable),
                (_, None) => {
                    let known = Variable::ALL.map(|variable| format!("`${{{}}}`", variable.key()));
                    return Err(format!(
                        "the policy variable `${{{name}}}` is not supported, only {}, `${{*}}`, \
                         `${{?}}` and `${{$}}` are",
                        known.join(", ")
                    ));
                }
            });
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

    /// Whether the whole text fits, in a request with these values. A policy variable is the value
    /// of its key, in which a `*` means itself; without one, no text fits.
    pub fn matches_with(&self, text: &str, values: &Conditions) -> bool {
        match self.filled(values) {
            Some(pattern) => pattern.matches(text),
            None => false,
        }
    }

    /// The same as [`Pattern::matches_with`], whatever the case of letters.
    pub(crate) fn matches_in_any_case(&self, text: &str, values: &Conditions) -> bool {
        let Some(pattern) = self.filled(values) else {
            return false;
        };
        let lower = |tokens: &[Token]| -> Vec<_> {
            let lower = |token: &Token| match token {
                Token::Char(c) => c.to_lowercase().map(Token::Char).collect(),
                other => vec![*other],
            };
            tokens.iter().flat_map(lower).collect()
        };
        let text: Vec<_> = text.chars().map(Token::Char).collect();
        fits(&lower(&pattern.tokens), lower(&text).into_iter())
    }

    /// With the values of the request in the place of its variables; `None` where one is missing.
    fn filled(&self, values: &Conditions) -> Option<Cow<'_, Self>> {
        if !self.has_variable() {
            return Some(Cow::Borrowed(self));
        }
        let mut filled = Self::of_tokens(&[]);
        for token in &self.tokens {
            match token {
                Token::Variable(variable) => {
                    let value = values.get(variable.key())?;
                    value.chars().for_each(|c| filled.push(Token::Char(c)));
                }
                other => filled.push(*other),
            }
        }
        Some(Cow::Owned(filled))
    }

    /// Whether what it fits depends on who asks.
    pub fn has_variable(&self) -> bool {
        let is_variable = |token: &Token| matches!(token, Token::Variable(_));
        self.tokens.iter().any(is_variable)
    }

    /// Whether the whole text fits, whoever asks. Takes time up to the product of both lengths, and
    /// no memory.
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

    /// Whether some text fits both, where a policy variable may be any text. Takes time up to the
    /// product of both lengths.
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
                let is_open = |one: Option<&Token>| one.is_some_and(|one| one.is_open());
                from_left = *here && (is_open(token) || is_open(theirs));
                let goes_on = match (token, theirs) {
                    (Some(ours), _) if ours.is_open() => Some(place),
                    (Some(_), Some(theirs)) if theirs.is_open() => Some(place),
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
            Token::Variable(variable) => {
                self.source.push_str(&format!("${{{}}}", variable.key()));
            }
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
        // A colon in the name of a variable divides nothing, so the tokens are split.
        let parts: Vec<_> = Pattern::wildcard(source)?
            .tokens
            .splitn(ARN_PARTS, |token| *token == Token::Char(':'))
            .map(Pattern::of_tokens)
            .collect();
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

    /// Whether the text is an ARN whose parts all fit, in a request with these values.
    pub fn matches_with(&self, arn: &str, values: &Conditions) -> bool {
        let parts: Vec<_> = arn.splitn(ARN_PARTS, ':').collect();
        parts.len() == ARN_PARTS
            && self
                .parts
                .iter()
                .zip(parts)
                .all(|(pattern, part)| pattern.matches_with(part, values))
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
mod tests;
