//! What a condition compares the values of a request with.

use std::net::IpAddr;

use crate::{ArnPattern, Conditions, Pattern};

/// What a condition compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A text, with wildcards where the operator has them.
    Text(Pattern),
    /// A text in any case, without wildcards.
    AnyCase(Pattern),
    /// An ARN with wildcards.
    Arn(ArnPattern),
    /// A whole number.
    Number(Number),
    /// An address or a range of them.
    Network(Network),
    /// A truth value.
    Flag(bool),
}

impl Operand {
    /// The text as the policy has it.
    pub(crate) fn source(&self) -> &str {
        match self {
            Operand::Text(pattern) | Operand::AnyCase(pattern) => pattern.source(),
            Operand::Arn(pattern) => pattern.source(),
            Operand::Number(number) => &number.source,
            Operand::Network(network) => &network.source,
            Operand::Flag(true) => "true",
            Operand::Flag(false) => "false",
        }
    }

    /// Whether a value is what stands here, as far as that is a question of equality.
    pub(crate) fn matches(&self, value: &str, values: &Conditions) -> bool {
        match self {
            Operand::Text(pattern) => pattern.matches_with(value, values),
            Operand::AnyCase(pattern) => pattern.matches_in_any_case(value, values),
            Operand::Arn(pattern) => pattern.matches_with(value, values),
            Operand::Number(number) => value.parse() == Ok(number.value),
            Operand::Network(network) => {
                value.parse().is_ok_and(|address| network.contains(address))
            }
            Operand::Flag(wanted) => flag(value) == Some(*wanted),
        }
    }
}

/// A whole number of a policy; IAM takes fractions as well, which no key of S3 or STS has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    source: String,
    pub(crate) value: i64,
}

impl Number {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(value) => Ok(Self {
                source: text.to_owned(),
                value,
            }),
            Err(_) => Err(format!("`{text}` is not a whole number")),
        }
    }
}

/// The addresses that share the first bits of one, as CIDR writes them; an address by itself is
/// such a range, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    source: String,
    address: IpAddr,
    bits: u32,
}

impl Network {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let problem = || format!("`{text}` is not an address such as `203.0.113.0/24`");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| problem())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => longest,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= longest)
                .ok_or_else(problem)?,
        };
        Ok(Self {
            source: text.to_owned(),
            address,
            bits,
        })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, longest) = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (u128::from(ours.to_bits()), u128::from(theirs.to_bits()), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        // Shifting out every bit leaves none to differ.
        let others = longest.min(128_u32).saturating_sub(self.bits);
        (ours ^ theirs).checked_shr(others).unwrap_or(0) == 0
    }
}

pub(crate) fn flag(text: &str) -> Option<bool> {
    [true, false]
        .into_iter()
        .find(|flag| text.eq_ignore_ascii_case(if *flag { "true" } else { "false" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_share_its_bits() {
        for (network, address, expect) in [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.77/24", "203.0.113.1", true),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("0.0.0.0/0", "203.0.113.7", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::7", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("::/0", "2001:db9::", true),
            ("::/0", "127.0.0.1", false),
        ] {
            let network = Network::parse(network).unwrap();
            let contains = network.contains(address.parse().unwrap());
            assert_eq!(contains, expect, "{network:?} {address}");
        }
        for text in ["", "203.0.113.0/33", "203.0.113/24", "::/129", "1.2.3.4/x"] {
            assert_eq!(
                Network::parse(text).unwrap_err(),
                format!("`{text}` is not an address such as `203.0.113.0/24`")
            );
        }
    }
}
