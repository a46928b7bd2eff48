//! Credentials that renew themselves before they expire, by one caller for all.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_smithy_async::time::SharedTimeSource;
use flowrun_card::{CardError, Redactor, Secret};

use crate::{Base, base::load_credentials, flight::Flight, sts::Role};

/// How long before they expire credentials are renewed.
pub(crate) const RENEW_BEFORE: Duration = Duration::from_secs(5 * 60);
/// How long before they expire credentials are no longer used: a request takes a while to arrive.
const DEAD_BEFORE: Duration = Duration::from_secs(10);
/// How long credentials without an expiry are used before they are looked up again.
const RELOAD_AFTER: Duration = Duration::from_secs(15 * 60);
/// The least time between two renewals of credentials that still work.
const RENEW_PAUSE: Duration = Duration::from_secs(30);

/// Where credentials come from.
pub(crate) enum Source {
    /// The base that a connection starts from.
    Base(SharedCredentialsProvider, Base),
    /// A role that is assumed.
    Role(Role),
}

/// The one cache of the credentials of a base or a session; the SDK's own caches are off.
///
/// Five minutes before the credentials expire one caller renews them while the others go on with
/// the old ones. Where that fails the old ones serve until they expire, and it is tried again
/// every half minute: a long transfer survives an outage of STS. Only when the old ones are gone
/// does everyone wait, and fail with what the one caller found.
pub(crate) struct Renewing {
    source: Source,
    time: SharedTimeSource,
    /// Is told of all credentials.
    redactor: Redactor,
    flight: Flight<Lease>,
    /// Before this time credentials that still work are not renewed again.
    next_renewal: Mutex<SystemTime>,
}

#[derive(Clone)]
struct Lease {
    credentials: Credentials,
    loaded: SystemTime,
}

impl Lease {
    fn is_fresh(&self, now: SystemTime) -> bool {
        match self.credentials.expiry() {
            Some(expiry) => before(now, RENEW_BEFORE, expiry),
            None => now
                .duration_since(self.loaded)
                .is_ok_and(|age| age < RELOAD_AFTER),
        }
    }

    fn is_alive(&self, now: SystemTime) -> bool {
        self.credentials
            .expiry()
            .is_none_or(|expiry| before(now, DEAD_BEFORE, expiry))
    }
}

/// Whether more than `margin` is left until `expiry`.
fn before(now: SystemTime, margin: Duration, expiry: SystemTime) -> bool {
    expiry.duration_since(now).is_ok_and(|left| left > margin)
}

impl Renewing {
    pub(crate) fn new(source: Source, time: SharedTimeSource, redactor: Redactor) -> Arc<Self> {
        Arc::new(Self {
            source,
            time,
            redactor,
            flight: Flight::default(),
            next_renewal: Mutex::new(SystemTime::UNIX_EPOCH),
        })
    }

    /// The same credentials as the SDK takes them.
    pub(crate) fn provider(self: &Arc<Self>) -> SharedCredentialsProvider {
        let provider: Arc<dyn ProvideCredentials> = Arc::<Self>::clone(self);
        SharedCredentialsProvider::new(provider)
    }

    /// Credentials that are good now.
    pub(crate) async fn get(&self) -> Result<Credentials, CardError> {
        let now = self.time.now();
        if let Some(lease) = self.flight.latest() {
            if lease.is_fresh(now) {
                return Ok(lease.credentials);
            }
            if lease.is_alive(now) {
                return Ok(self.renewed_or(lease, now).await);
            }
        }
        let lease = self.flight.get(|lease| lease.is_alive(now), self.load());
        Ok(lease.await?.credentials)
    }

    /// New credentials from this caller if they are due, else the old ones that still work.
    async fn renewed_or(&self, old: Lease, now: SystemTime) -> Credentials {
        {
            let mut next = self
                .next_renewal
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if now < *next {
                return old.credentials;
            }
            *next = now.checked_add(RENEW_PAUSE).unwrap_or(now);
        }
        match self.flight.renew(self.load()).await {
            Some(Ok(renewed)) => renewed.credentials,
            Some(Err(error)) => {
                tracing::warn!(%error, "credentials not renewed, the old ones serve until they expire");
                old.credentials
            }
            None => old.credentials,
        }
    }

    async fn load(&self) -> Result<Lease, CardError> {
        let credentials = match &self.source {
            Source::Base(provider, base) => load_credentials(provider, base).await?,
            Source::Role(role) => role.assume().await?,
        };
        for secret in
            std::iter::once(credentials.secret_access_key()).chain(credentials.session_token())
        {
            self.redactor.add_passing(&Secret::new(secret));
        }
        Ok(Lease {
            credentials,
            loaded: self.time.now(),
        })
    }
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        // The error stays whole in the chain of sources, where a card finds it again.
        future::ProvideCredentials::new(async {
            self.get().await.map_err(CredentialsError::provider_error)
        })
    }
}

/// Shows nothing of the credentials.
impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use aws_smithy_async::time::TimeSource;

    use super::*;
    use crate::testing::ManualTime;

    /// Gives credentials `key-1`, `key-2` and so on for an hour each, or fails.
    #[derive(Debug)]
    struct Fake {
        time: ManualTime,
        loads: Arc<AtomicU32>,
        lifetime: Option<Duration>,
        fails: Arc<std::sync::atomic::AtomicBool>,
    }

    impl ProvideCredentials for Fake {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let load = self.loads.fetch_add(1, SeqCst) + 1;
            future::ProvideCredentials::ready(if self.fails.load(SeqCst) {
                Err(CredentialsError::not_loaded("no network"))
            } else {
                let expiry = self.lifetime.map(|lifetime| self.time.now() + lifetime);
                Ok(Credentials::new(
                    format!("key-{load}"),
                    "secret",
                    None,
                    expiry,
                    "fake",
                ))
            })
        }
    }

    struct Bench {
        time: ManualTime,
        loads: Arc<AtomicU32>,
        fails: Arc<std::sync::atomic::AtomicBool>,
        renewing: Arc<Renewing>,
        redactor: Redactor,
    }

    fn bench(lifetime: Option<Duration>) -> Bench {
        let time = ManualTime::default();
        let (loads, fails) = (Arc::default(), Arc::default());
        let fake = Fake {
            time: time.clone(),
            loads: Arc::clone(&loads),
            lifetime,
            fails: Arc::clone(&fails),
        };
        let source = Source::Base(SharedCredentialsProvider::new(fake), Base::Default);
        let time_source = SharedTimeSource::new(time.clone());
        let redactor = Redactor::default();
        let renewing = Renewing::new(source, time_source, redactor.clone());
        Bench {
            time,
            loads,
            fails,
            renewing,
            redactor,
        }
    }

    impl Bench {
        /// The key and the number of loads so far, some seconds later.
        async fn after(&self, seconds: u64) -> (Option<String>, u32) {
            self.time.advance(Duration::from_secs(seconds));
            let key = self.renewing.get().await.ok();
            let key = key.map(|credentials| credentials.access_key_id().to_owned());
            (key, self.loads.load(SeqCst))
        }
    }

    #[tokio::test]
    async fn the_redactor_is_told_of_them() {
        let bench = bench(None);
        assert_eq!(bench.redactor.data("a secret"), "a secret");
        bench.after(0).await;
        assert_eq!(bench.redactor.data("a secret"), "a ***");
    }

    fn key(number: u32) -> Option<String> {
        Some(format!("key-{number}"))
    }

    #[tokio::test]
    async fn credentials_are_renewed_five_minutes_before_they_expire() {
        let bench = bench(Some(Duration::from_secs(3600)));
        assert_eq!(bench.after(0).await, (key(1), 1));
        assert_eq!(bench.after(3299).await, (key(1), 1));
        assert_eq!(bench.after(1).await, (key(2), 2));
        assert_eq!(bench.after(3299).await, (key(2), 2));
        // Long after they expired, too.
        assert_eq!(bench.after(100_000).await, (key(3), 3));
    }

    #[tokio::test]
    async fn the_old_ones_serve_while_renewal_fails_and_until_they_expire() {
        let bench = bench(Some(Duration::from_secs(3600)));
        assert_eq!(bench.after(0).await, (key(1), 1));
        bench.fails.store(true, SeqCst);
        assert_eq!(bench.after(3300).await, (key(1), 2));
        assert_eq!(bench.after(29).await, (key(1), 2));
        assert_eq!(bench.after(1).await, (key(1), 3));
        assert_eq!(bench.after(259).await, (key(1), 4));
        assert_eq!(bench.after(1).await, (None, 5));
        bench.fails.store(false, SeqCst);
        assert_eq!(bench.after(0).await, (key(6), 6));
    }

    #[tokio::test]
    async fn a_failed_first_load_is_not_kept() {
        let bench = bench(None);
        bench.fails.store(true, SeqCst);
        assert_eq!(bench.after(0).await, (None, 1));
        assert_eq!(bench.after(0).await, (None, 2));
        bench.fails.store(false, SeqCst);
        assert_eq!(bench.after(0).await, (key(3), 3));
    }

    #[tokio::test]
    async fn credentials_without_expiry_are_looked_up_again_after_a_quarter_hour() {
        let bench = bench(None);
        assert_eq!(bench.after(0).await, (key(1), 1));
        assert_eq!(bench.after(899).await, (key(1), 1));
        bench.fails.store(true, SeqCst);
        assert_eq!(bench.after(1).await, (key(1), 2));
        bench.fails.store(false, SeqCst);
        assert_eq!(bench.after(30).await, (key(3), 3));
    }

    #[test]
    fn debug_shows_no_credential() {
        assert_eq!(format!("{:?}", bench(None).renewing), "Renewing { .. }");
    }
}
