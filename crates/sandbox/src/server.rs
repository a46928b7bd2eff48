//! The HTTP server: a loopback port, a bounded number of connections, an end that waits for
//! requests under way.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, Request, StatusCode, header::AUTHORIZATION};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::{Body, HttpResponse, service::S3Service};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{SandboxError, keys::request_id, s3, sts};

/// The header of every answer that tells which sandbox gave it.
pub(crate) const INSTANCE_HEADER: &str = "x-flowrun-sandbox";
/// Connections at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 1024;
/// How long a client may take to send the head of a request, and how long a connection may be
/// idle: longer than the AWS SDKs keep one, so that it is the client who closes.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(120);
/// How long requests under way may take once the server is to end.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait before the system is asked again for what it did not give.
const PAUSE: Duration = Duration::from_millis(50);

/// What answers requests.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) service: S3Service,
    pub(crate) instance: HeaderValue,
}

/// Listens on an address of this machine.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, SandboxError> {
    if !address.ip().is_loopback() {
        return Err(SandboxError::NotLoopback(address));
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| SandboxError::Listen { address, source })
}

/// Listens on an address that a process which is ending may have for a moment yet: tries for one
/// second at most, less than others wait for the lock of the state.
pub(crate) async fn listen_soon(address: SocketAddr) -> Result<TcpListener, SandboxError> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        match listen(address).await {
            Err(SandboxError::Listen { .. }) if Instant::now() < deadline => sleep(PAUSE).await,
            listening => return listening,
        }
    }
}

/// Where it listens.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, SandboxError> {
    let unknown = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    listener
        .local_addr()
        .map_err(|source| SandboxError::Listen {
            address: unknown,
            source,
        })
}

/// Serves until `stop`, and then lets requests under way end, for five seconds at most. Dropped,
/// it ends at once.
pub(crate) async fn serve(listener: TcpListener, endpoint: Endpoint, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let room = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, room)
        };
        tokio::select! {
            () = stop.cancelled() => break,
            // Takes ended connections out of the set.
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (accepted, room) = next => match accepted {
                Ok((stream, _)) => {
                    let (endpoint, stop) = (endpoint.clone(), stop.clone());
                    connections.spawn(async move {
                        connection(stream, endpoint, stop).await;
                        drop(room);
                    });
                }
                Err(error) => {
                    // Such as too many open files: it passes, and a loop would burn a core.
                    tracing::warn!(%error, "the sandbox cannot accept a connection");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, ended).await.is_err() {
        tracing::warn!("the sandbox ended with requests under way");
    }
}

async fn connection(stream: TcpStream, endpoint: Endpoint, stop: CancellationToken) {
    // Small answers go out at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the sandbox cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let endpoint = endpoint.clone();
        async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection to the sandbox broke");
    }
}

impl Endpoint {
    async fn answer(&self, mut request: Request<Incoming>) -> HttpResponse {
        // `s3s` logs requests; these headers it shall not show.
        for name in [AUTHORIZATION.as_str(), "x-amz-security-token"] {
            if let Some(value) = request.headers_mut().get_mut(name) {
                value.set_sensitive(true);
            }
        }
        let is_sts = sts::is_request(request.method(), request.uri());
        let method = request.method().clone();
        let mut response = match self.service.call(request.map(Body::from)).await {
            Ok(response) if is_sts => sts::reword(response).await,
            Ok(response) => s3::finish(&method, response),
            Err(error) => {
                tracing::error!(?error, "the sandbox failed to answer");
                let mut response = HttpResponse::new(Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(INSTANCE_HEADER, self.instance.clone());
        if !is_sts && let Ok(id) = request_id().parse() {
            headers.insert("x-amz-request-id", id);
        }
        response
    }
}
