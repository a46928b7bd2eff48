//! The state folder: who holds it, who joins, what outlives a process, and what a fault looks like.

mod support;

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use flowrun_sandbox::{BucketOptions, Sandbox, SandboxError, Seed, State};
use support::{CUSTOMER, EXTERNAL_ID, assume, is, of_session, refusal, role_arn, s3, seed};

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

/// The first ends while the second is in the middle of its work, with a session that the first
/// issued: to its clients, nothing but a pause.
#[tokio::test]
async fn who_joined_takes_the_place_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = Sandbox::start(seed(), dir(folder.path())).await.unwrap();
    let second = Sandbox::start(seed(), dir(folder.path())).await.unwrap();
    let third = Sandbox::start(seed(), dir(folder.path())).await.unwrap();
    let url = first.url().to_owned();
    let keys = assume(&second, &role_arn(CUSTOMER, "all"), EXTERNAL_ID).await;
    let client = s3(&second, of_session(&keys));
    let put = client.put_object().bucket("reports").key("in/a");
    put.body("bytes".to_owned().into_bytes().into())
        .send()
        .await
        .unwrap();

    let read = async || {
        let asked = client.get_object().bucket("reports").key("in/a").send();
        let body = asked.await.map_err(|error| format!("{error:?}"))?.body;
        let bytes = body.collect().await.map_err(|error| error.to_string())?;
        Ok::<_, String>(bytes.to_vec())
    };
    let read_in_the_end = async || {
        let mut last = Ok(Vec::new());
        for _ in 0..400 {
            last = read().await;
            if last.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        assert_eq!(last.as_deref(), Ok(b"bytes".as_slice()));
    };
    // One is dropped, the other one shut down: either way the next one follows, with new keys as
    // well as old ones.
    drop(first);
    read_in_the_end().await;
    let late = Sandbox::start(seed(), dir(folder.path())).await.unwrap();
    assert!(late.is_joined());
    assert_eq!(late.url(), url);
    assume(&late, &role_arn(CUSTOMER, "all"), EXTERNAL_ID).await;
    late.shutdown().await;
    second.shutdown().await;
    read_in_the_end().await;
    third.shutdown().await;
    assert!(read().await.is_err());
    let next = Sandbox::start(seed(), dir(folder.path())).await.unwrap();
    assert!(!next.is_joined());
}

const HOLDER: &str = "FLOWRUN_SANDBOX_TEST_FOLDER";

/// The other process of the next test; does nothing by itself.
#[tokio::test]
async fn a_process_that_serves_until_it_is_killed() {
    if let Some(folder) = std::env::var_os(HOLDER) {
        let _sandbox = Sandbox::start(seed(), dir(Path::new(&folder))).await;
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn the_place_of_a_killed_process_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_serves_until_it_is_killed"])
        .env(HOLDER, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path().join("sandbox/endpoint.json").exists() {
        assert!(holder.try_wait().unwrap().is_none());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sandbox = Sandbox::start(seed(), dir(folder.path())).await.unwrap();
    assert!(sandbox.is_joined());
    let keys = assume(&sandbox, &role_arn(CUSTOMER, "all"), EXTERNAL_ID).await;
    let client = s3(&sandbox, of_session(&keys));
    let list = async || client.list_objects_v2().bucket("reports").send().await;
    list().await.unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    let mut last = list().await;
    for _ in 0..400 {
        if last.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        last = list().await;
    }
    last.unwrap();
}

#[tokio::test]
async fn a_bucket_of_another_account_in_the_state_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |account: &str| {
        let seed = Seed::new().bucket(account, "reports", BucketOptions::default());
        Sandbox::start(seed.unwrap(), dir(folder.path())).await
    };
    start(CUSTOMER).await.unwrap().shutdown().await;
    let error = start("333333333333").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "bucket reports of the seed belongs to account {CUSTOMER} in the sandbox state in \
             {}: use another folder, or give the bucket another name",
            folder.path().join("sandbox").display()
        )
    );
    start(CUSTOMER).await.unwrap();
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
async fn the_session_of_a_role_that_is_gone_is_nobodys() {
    let folder = tempfile::tempdir().unwrap();
    let first = Sandbox::start(seed(), dir(folder.path())).await.unwrap();
    let keys = assume(&first, &role_arn(CUSTOMER, "all"), EXTERNAL_ID).await;
    first.shutdown().await;
    let second = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap();
    let result = s3(&second, of_session(&keys)).list_buckets().send().await;
    assert_eq!(refusal(result), is(403, "InvalidAccessKeyId"));
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
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {} (another process listens there): choose another port, or port 0 \
             for a free one",
            taken.1
        )
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
    assert_eq!(
        error.to_string(),
        format!(
            "cannot create {} (a file stands where a folder should be): use another folder, one \
             that can be read and written",
            folder.path().join("sandbox").display()
        )
    );

    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("sandbox/s3/index.sqlite");
    fs::create_dir_all(index.parent().unwrap()).unwrap();
    fs::write(&index, "no database".repeat(100)).unwrap();
    let error = Sandbox::start(Seed::new(), dir(folder.path()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot open the object index {} (it is damaged): use another folder, or move this \
             one away to begin with an empty store",
            index.display()
        )
    );

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
    for (file, mode) in [
        ("", 0o700),
        ("keys.json", 0o600),
        ("endpoint.json", 0o600),
        ("seal.json", 0o600),
    ] {
        let found = fs::metadata(path.join(file)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{file}");
    }
}
