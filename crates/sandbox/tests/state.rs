//! The state folder: who holds it, who joins, what outlives a process, and what a fault looks like.

use std::{fs, net::SocketAddr, path::Path};

use flowrun_sandbox::{BucketOptions, Sandbox, SandboxError, Seed, State};

fn dir(path: &Path) -> State {
    State::Dir(path.join("sandbox"))
}

#[tokio::test]
async fn the_second_joins_the_first_and_keys_outlive_both() {
    let folder = tempfile::tempdir().unwrap();
    let first = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    let second = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    assert!(!first.is_joined());
    assert!(second.is_joined());
    assert_eq!(second.url(), first.url());
    assert_eq!(second.region(), "eu-central-1");
    for (one, other) in [
        (first.operator(), second.operator()),
        (first.administrator(), second.administrator()),
    ] {
        assert_eq!(one.access_key_id(), other.access_key_id());
        assert_eq!(one.secret_access_key(), other.secret_access_key());
    }
    let operator = first.operator().clone();
    second.shutdown().await;
    first.shutdown().await;

    let third = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    assert!(!third.is_joined());
    assert_eq!(third.operator().access_key_id(), operator.access_key_id());
    assert_eq!(
        third.operator().secret_access_key(),
        operator.secret_access_key()
    );
}

#[tokio::test]
async fn a_folder_is_free_again_when_its_sandbox_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    drop(
        Sandbox::start(Seed::new(), dir(folder.path()))
            .await
            .unwrap(),
    );
    let next = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    assert!(!next.is_joined());
}

#[tokio::test]
async fn starts_at_the_same_time_agree_on_one() {
    let folder = tempfile::tempdir().unwrap();
    let starts: Vec<_> = (0..8)
        .map(|_| tokio::spawn(Sandbox::start(Seed::new(), dir(folder.path()))))
        .collect();
    let mut sandboxes = Vec::new();
    for start in starts {
        sandboxes.push(start.await.unwrap().unwrap());
    }
    assert_eq!(sandboxes.iter().filter(|one| !one.is_joined()).count(), 1);
    assert!(sandboxes.iter().all(|one| one.url() == sandboxes[0].url()));
}

#[tokio::test]
async fn another_seed_and_another_port_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    let seed = Seed::new()
        .bucket(Seed::ACCOUNT, "more", BucketOptions::default())
        .unwrap();
    let error = Sandbox::start(seed, dir(folder.path())).await.unwrap_err();
    assert!(matches!(&error, SandboxError::OtherSeed { url, .. } if url == first.url()));
    let port = SocketAddr::from(([127, 0, 0, 1], 0));
    let error = Sandbox::start_on(Seed::new(), dir(folder.path()), port)
        .await
        .unwrap_err();
    assert!(matches!(&error, SandboxError::Served { url, .. } if url == first.url()));
}

#[tokio::test]
async fn a_port_in_use_and_an_address_of_the_network_are_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let start = |address: SocketAddr| Sandbox::start_on(Seed::new(), State::Memory, address);
    let error = start(taken.1).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on {}", taken.1)),
        "{error}"
    );
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let error = start(address.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, SandboxError::NotLoopback(_)), "{error}");
    }
    let sandbox = start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    assert!(sandbox.url().starts_with("http://127.0.0.1:"));
}

/// What a process that died leaves behind: its endpoint file, and no lock.
#[tokio::test]
async fn what_a_dead_process_left_is_not_joined() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox");
    let first = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    let endpoint = fs::read(path.join("endpoint.json")).unwrap();
    first.shutdown().await;
    assert!(!path.join("endpoint.json").exists());
    fs::write(path.join("endpoint.json"), &endpoint).unwrap();
    let next = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    assert!(!next.is_joined());
    assert_ne!(fs::read(path.join("endpoint.json")).unwrap(), endpoint);
}

#[tokio::test(start_paused = true)]
async fn who_holds_the_folder_and_does_not_answer_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox");
    fs::create_dir(&path).unwrap();
    let lock = fs::File::create(path.join("lock")).unwrap();
    lock.lock().unwrap();
    let error = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap_err();
    assert!(matches!(error, SandboxError::Unanswered { .. }), "{error}");
}

#[tokio::test]
async fn a_state_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sandbox"), "a file").unwrap();
    let error = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("cannot create "), "{error}");

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sandbox")).unwrap();
    let secret = r#"{"arn:aws:iam::111111111111:user/flowrun": "very-secret"}"#;
    fs::write(folder.path().join("sandbox/keys.json"), secret).unwrap();
    let error = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("keys.json is not what a sandbox writes"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("very-secret"), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn files_with_keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _sandbox = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    let path = folder.path().join("sandbox");
    for (file, mode) in [("", 0o700), ("keys.json", 0o600), ("endpoint.json", 0o600)] {
        let found = fs::metadata(path.join(file)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{file}");
    }
}
