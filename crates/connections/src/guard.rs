//! Which addresses the requests of a connection may go to, so that nobody who can write an address
//! into a connection file, or answer for a name, reaches what only this machine can reach.
//!
//! A name is resolved once for each connection that is made, every address that it has is checked,
//! and only those that were checked are connected to: a name that means something else the next
//! time gains nothing. Public addresses pass. Others pass where the connection lists them:
//!
//! - in `allow`: addresses, networks and names;
//! - an address that stands in the URL itself, and `localhost` there: whoever wrote the file has
//!   listed it. Addresses of link-local networks are never meant so, because the metadata services
//!   of clouds are there.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use flowrun_card::{BoxFuture, CardError, ErrorKind};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};

use crate::{
    definition::{host_of, is_host_name},
    file::scalar::{Scalar, yaml},
    kind::{Form, Pattern},
};

/// The most entries of an `allow` list.
const MAX_ALLOWED: usize = 100;
/// The most addresses of a name that are looked at; a name with more is refused.
const MAX_ADDRESSES: usize = 256;

pub(crate) const ALLOW: Form = Form::List {
    item: Pattern::new("^[A-Za-z0-9._:-]+(/[0-9]+)?$", 1024),
    most: MAX_ALLOWED,
};

/// An entry of an `allow` list: what requests may go to although it is not public.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Allowed {
    /// A name and those below it, whatever address they have, but for link-local ones.
    Host(String),
    /// The addresses that begin with these bits.
    Network {
        /// The address whose first bits count.
        address: IpAddr,
        /// How many do.
        bits: u8,
    },
}

impl Allowed {
    /// Reads a name such as `minio.internal`, an address or a network such as `10.1.0.0/16`.
    ///
    /// # Errors
    /// The problem, where the text is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "`{}` is not a host name, an address or a network such as `10.1.0.0/16`",
                text.escape_debug()
            )
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return match bits {
                None if is_host_name(text) && !looks_like_an_address(text) => {
                    Ok(Allowed::Host(canonical_name(text)))
                }
                _ => Err(problem()),
            };
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => {
                bits.parse().map_err(|_| problem())?
            }
            Some(_) => return Err(problem()),
        };
        if bits > most || bits == 0 {
            return Err(problem());
        }
        Ok(Allowed::Network { address, bits })
    }

    fn has_name(&self, name: &str) -> bool {
        match self {
            Allowed::Host(host) => name
                .strip_suffix(host.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            Allowed::Network { .. } => false,
        }
    }

    fn has_address(&self, found: IpAddr) -> bool {
        match (self, found) {
            (
                Allowed::Network {
                    address: IpAddr::V4(network),
                    bits,
                },
                IpAddr::V4(found),
            ) => {
                let shift = 32_u32.saturating_sub(u32::from(*bits));
                let first = |address: Ipv4Addr| u32::from(address).checked_shr(shift);
                first(*network) == first(found)
            }
            (
                Allowed::Network {
                    address: IpAddr::V6(network),
                    bits,
                },
                IpAddr::V6(found),
            ) => {
                let shift = 128_u32.saturating_sub(u32::from(*bits));
                let first = |address: Ipv6Addr| u128::from(address).checked_shr(shift);
                first(*network) == first(found)
            }
            _ => false,
        }
    }
}

/// As files write it.
impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Host(host) => f.write_str(host),
            Allowed::Network { address, bits } => {
                let most = if address.is_ipv4() { 32 } else { 128 };
                if *bits == most {
                    write!(f, "{address}")
                } else {
                    write!(f, "{address}/{bits}")
                }
            }
        }
    }
}

/// Reads an `allow` list.
pub(crate) struct AllowSeed;

impl<'de> DeserializeSeed<'de> for AllowSeed {
    type Value = Vec<Allowed>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AllowSeed {
    type Value = Vec<Allowed>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of host names, addresses and networks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut allow = Vec::new();
        while let Some(entry) = entries
            .next_element_seed(Scalar::new("a host name, address or network", |text| {
                Allowed::parse(text)
            }))?
        {
            if allow.len() >= MAX_ALLOWED {
                return Err(A::Error::custom(format_args!(
                    "`allow` has more than {MAX_ALLOWED} entries"
                )));
            }
            allow.push(entry);
        }
        Ok(allow)
    }
}

/// An `allow` list as YAML; none where it is empty.
pub(crate) fn allow_value(allow: &[Allowed]) -> Option<String> {
    let entries: Vec<String> = allow.iter().map(|entry| yaml(&entry.to_string())).collect();
    (!entries.is_empty()).then(|| format!("[{}]", entries.join(", ")))
}

/// Checks the address that stands in a URL itself, where one does.
///
/// # Errors
/// Where it is one that nobody means to write there.
pub(crate) fn check_literal(url: &str, allow: &[Allowed]) -> Result<(), String> {
    let Some(address) = literal(&host_of(url)) else {
        return Ok(());
    };
    match sort_of(address) {
        Some(sort) if sort.needs_its_address() && !is_listed(address, allow) => Err(format!(
            "`{address}` is {}, which only `allow: [{address}]` lets requests go to",
            sort.words()
        )),
        _ => Ok(()),
    }
}

/// Why an address is not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Unspecified,
    Loopback,
    Private,
    SharedByACarrier,
    LinkLocal,
    Metadata,
    Multicast,
    Reserved,
}

impl Sort {
    fn words(self) -> &'static str {
        match self {
            Sort::Unspecified => "the address of no machine",
            Sort::Loopback => "this machine itself",
            Sort::Private => "a private address",
            Sort::SharedByACarrier => "an address shared by a carrier's customers",
            Sort::LinkLocal => "a link-local address",
            Sort::Metadata => "the metadata service of a cloud",
            Sort::Multicast => "a multicast address",
            Sort::Reserved => "a reserved address",
        }
    }

    /// Whether neither a URL with it nor a name that is allowed lets requests go there.
    fn needs_its_address(self) -> bool {
        matches!(
            self,
            Sort::LinkLocal | Sort::Metadata | Sort::Multicast | Sort::Unspecified
        )
    }
}

/// Why an address is not public; `None` where it is. An IPv4 address in an IPv6 one counts as that.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry> and
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
fn sort_of(address: IpAddr) -> Option<Sort> {
    match embedded(address) {
        IpAddr::V4(address) => sort_of_v4(address),
        IpAddr::V6(address) => sort_of_v6(address),
    }
}

fn sort_of_v4(address: Ipv4Addr) -> Option<Sort> {
    Some(match address.octets() {
        [0, 0, 0, 0] => Sort::Unspecified,
        [127, ..] => Sort::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Sort::Private,
        [100, 100, 100, 200] | [168, 63, 129, 16] => Sort::Metadata,
        [100, 64..=127, ..] => Sort::SharedByACarrier,
        [169, 254, 169, 254] | [169, 254, 170, 2 | 23] => Sort::Metadata,
        [169, 254, ..] => Sort::LinkLocal,
        [224..=239, ..] => Sort::Multicast,
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Sort::Reserved,
        _ => return None,
    })
}

fn sort_of_v6(address: Ipv6Addr) -> Option<Sort> {
    if address.is_unspecified() {
        return Some(Sort::Unspecified);
    }
    if address.is_loopback() {
        return Some(Sort::Loopback);
    }
    Some(match address.segments() {
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23 | 0x254] => Sort::Metadata,
        [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254] => Sort::Metadata,
        [0xfc00..=0xfdff, ..] | [0x64, 0xff9b, 1, ..] => Sort::Private,
        [0xfe80..=0xfebf, ..] => Sort::LinkLocal,
        [0xfec0..=0xfeff, ..] => Sort::Private,
        [0xff00..=0xffff, ..] => Sort::Multicast,
        // Only 2000::/3 is given out; of it not the tunnels whose other end is unknown.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, ..] => Sort::Reserved,
        [0x2000..=0x3fff, ..] => return None,
        _ => Sort::Reserved,
    })
}

/// The address that a request to this one reaches in the end, as far as that can be seen: of IPv4
/// in IPv6 (mapped, compatible, NAT64, 6to4) the IPv4 address.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(address) = address else {
        return address;
    };
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // `::` and `::1` are IPv6's own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => IpAddr::V6(address),
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => IpAddr::V6(address),
    }
}

fn is_listed(address: IpAddr, allow: &[Allowed]) -> bool {
    let inner = embedded(address);
    allow
        .iter()
        .any(|allowed| allowed.has_address(address) || allowed.has_address(inner))
}

/// The address that a host is, where it is one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

pub(crate) fn is_plain_address(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok()
}

/// Whether some programs take a text for an address, such as `127.1`, `0x7f000001` and `2130706433`.
pub(crate) fn looks_like_an_address(text: &str) -> bool {
    let last = text.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|last| {
        last.bytes().all(|b| b.is_ascii_digit())
            || last
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("0x"))
    })
}

/// Names do not differ by case or by the dot at their end.
fn canonical_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Looks names up.
pub(crate) trait Lookup: fmt::Debug + Send + Sync + 'static {
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// The operating system.
#[derive(Debug)]
pub(crate) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// What a connection lets its requests go to.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The hosts in the connection's URLs.
    hosts: Vec<String>,
    allow: Vec<Allowed>,
    /// The names of the proxies that the environment names: those are not the connection's.
    proxies: Vec<String>,
    lookup: Arc<dyn Lookup>,
}

impl Guard {
    /// The guard of a connection with these URLs.
    pub(crate) fn new(urls: &[&str], allow: &[Allowed], lookup: Arc<dyn Lookup>) -> Self {
        let hosts: Vec<String> = urls
            .iter()
            .map(|url| canonical_name(&host_of(url)))
            .collect();
        let mut proxies = proxies();
        // Where the connection names the proxy as its server, it is guarded as that.
        proxies.retain(|proxy| !hosts.contains(proxy));
        Self {
            inner: Arc::new(Inner {
                hosts,
                allow: allow.to_vec(),
                proxies,
                lookup,
            }),
        }
    }

    /// The addresses of a name, once all of them are allowed.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, CardError> {
        let name = canonical_name(name);
        let failed = |message: String| CardError::new(ErrorKind::Connection, message);
        let found = self.inner.lookup.lookup(name.clone()).await;
        let found = found.map_err(|_| {
            failed(format!("the name `{name}` has no address"))
                .help("check the URL of the connection, and the network")
                .transient(None)
        })?;
        if found.is_empty() || found.len() > MAX_ADDRESSES {
            return Err(failed(format!(
                "the name `{name}` has {} addresses, and 1 to {MAX_ADDRESSES} are expected",
                found.len()
            )));
        }
        for address in &found {
            if let Some(sort) = self.refusal(&name, *address) {
                return Err(failed(format!(
                    "the name `{name}` leads to `{address}`, which is {}",
                    sort.words()
                ))
                .help(format!(
                    "if the connection shall go there, list it: `allow: [{}]`",
                    if sort.needs_its_address() {
                        address.to_string()
                    } else {
                        name.clone()
                    }
                )));
            }
        }
        Ok(found)
    }

    /// Why requests must not go to this address of a name.
    fn refusal(&self, name: &str, address: IpAddr) -> Option<Sort> {
        let sort = sort_of(address)?;
        let inner = &self.inner;
        let is_allowed = is_listed(address, &inner.allow)
            || (!sort.needs_its_address()
                && (inner.allow.iter().any(|allowed| allowed.has_name(name))
                    || inner.proxies.iter().any(|proxy| proxy == name)
                    || self.is_own_localhost(name, sort)));
        (!is_allowed).then_some(sort)
    }

    /// Whether the connection's URL itself says `localhost`.
    fn is_own_localhost(&self, name: &str, sort: Sort) -> bool {
        name == "localhost"
            && sort == Sort::Loopback
            && self.inner.hosts.iter().any(|host| host == name)
    }
}

/// The hosts of the proxies that the environment names.
fn proxies() -> Vec<String> {
    ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"]
        .iter()
        .flat_map(|name| [(*name).to_owned(), name.to_lowercase()])
        .filter_map(|name| std::env::var(name).ok())
        .map(|url| {
            let authority = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
            let place = authority.rsplit('@').next().unwrap_or_default();
            canonical_name(place.split(':').next().unwrap_or_default())
        })
        .filter(|host| !host.is_empty())
        .collect()
}

impl ResolveDns for Guard {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move { self.resolve(name).await.map_err(ResolveDnsError::new) })
    }
}

#[cfg(test)]
mod tests;
