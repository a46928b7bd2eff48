//! Versions, delete markers, legal holds and tags.

use super::*;

#[tokio::test]
async fn delete_markers_answer_with_their_headers() {
    let harness = Harness::new().await;
    let put = harness.put("versioned", "key", b"one").await.unwrap();
    let version = put.version_id.unwrap();
    let deleted = harness.delete("versioned", "key", None).await.unwrap();
    let marker = deleted.version_id.unwrap();
    assert_eq!(deleted.delete_marker, Some(true));

    let header = |error: &s3s::S3Error, name: &str| {
        let headers = error.headers().unwrap();
        headers.get(name).unwrap().to_str().unwrap().to_owned()
    };
    let current = harness
        .get_with("versioned", "key", GetObjectInput::default())
        .await;
    assert_eq!(outcome(&current), "404 NoSuchKey");
    let error = current.unwrap_err();
    assert_eq!(header(&error, "x-amz-delete-marker"), "true");
    assert_eq!(header(&error, "x-amz-version-id"), marker);
    let named = |version: &str| GetObjectInput {
        version_id: Some(version.to_owned()),
        ..Default::default()
    };
    let found = harness.get_with("versioned", "key", named(&marker)).await;
    assert_eq!(outcome(&found), "405 MethodNotAllowed");
    let error = found.unwrap_err();
    assert_eq!(header(&error, "x-amz-delete-marker"), "true");
    assert_eq!(header(&error, "allow"), "DELETE");

    let old = harness.get_with("versioned", "key", named(&version)).await;
    assert_eq!(read(old.unwrap().body).await, b"one");
    let missing = harness
        .get_with("versioned", "key", named(&"0".repeat(32)))
        .await;
    assert_eq!(outcome(&missing), "404 NoSuchVersion");
    let malformed = harness.get_with("versioned", "key", named("v1")).await;
    assert_eq!(outcome(&malformed), "400 InvalidArgument");

    // Removing the marker brings the object back; removing a missing version is no error.
    let removed = harness
        .delete("versioned", "key", Some(&marker))
        .await
        .unwrap();
    assert_eq!(removed.delete_marker, Some(true));
    assert_eq!(harness.get("versioned", "key").await.unwrap(), b"one");
    let again = harness
        .delete("versioned", "key", Some(&marker))
        .await
        .unwrap();
    assert_eq!(
        (again.delete_marker, again.version_id),
        (None, Some(marker))
    );
}

#[tokio::test]
async fn the_null_version_is_replaced_while_versioning_is_suspended() {
    let harness = Harness::new().await;
    assert_eq!(
        harness.put("plain", "key", b"0").await.unwrap().version_id,
        None
    );
    harness.versioning("plain", "Enabled").await.unwrap();
    let kept = harness.put("plain", "key", b"1").await.unwrap();
    harness.versioning("plain", "Suspended").await.unwrap();
    for bytes in [b"2", b"3"] {
        let put = harness.put("plain", "key", bytes).await.unwrap();
        assert_eq!(put.version_id.as_deref(), Some("null"));
    }
    let list = async || {
        let input = ListObjectVersionsInput {
            bucket: "plain".into(),
            ..Default::default()
        };
        let output = harness
            .service
            .list_object_versions(request(input))
            .await
            .unwrap()
            .output;
        let versions: Vec<_> = output.versions.unwrap();
        let versions = versions
            .into_iter()
            .map(|it| (it.version_id.unwrap(), it.is_latest.unwrap()));
        let markers: Vec<_> = output.delete_markers.unwrap();
        let markers = markers
            .into_iter()
            .map(|it| (it.version_id.unwrap(), it.is_latest.unwrap()));
        (versions.collect::<Vec<_>>(), markers.collect::<Vec<_>>())
    };
    let null = "null".to_owned();
    let kept = kept.version_id.unwrap();
    assert_eq!(
        list().await,
        (vec![(null.clone(), true), (kept.clone(), false)], vec![])
    );
    let deleted = harness.delete("plain", "key", None).await.unwrap();
    assert_eq!(deleted.version_id.as_deref(), Some("null"));
    assert_eq!(
        list().await,
        (vec![(kept.clone(), false)], vec![(null, true)])
    );
    let locked = harness.versioning("locked", "Suspended").await;
    assert_eq!(outcome(&locked), "409 InvalidBucketState");
    let wrong = harness.versioning("plain", "Off").await;
    assert_eq!(
        outcome(&wrong),
        "400 IllegalVersioningConfigurationException"
    );
}

#[tokio::test]
async fn a_held_version_stays() {
    let harness = Harness::new().await;
    let hold = async |bucket: &str, key: &str, version: Option<&str>, status: &str| {
        let input = PutObjectLegalHoldInput {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            legal_hold: Some(ObjectLockLegalHold {
                status: Some(status.to_owned().into()),
            }),
            version_id: version.map(str::to_owned),
            ..Default::default()
        };
        outcome(&harness.service.put_object_legal_hold(request(input)).await)
    };
    let held = async |bucket: &str, key: &str| {
        let input = GetObjectLegalHoldInput {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            ..Default::default()
        };
        let result = harness.service.get_object_legal_hold(request(input)).await;
        match result {
            Ok(answer) => {
                let status = answer.output.legal_hold.unwrap().status.unwrap();
                status.as_str().to_owned()
            }
            failed => outcome(&failed),
        }
    };
    harness.put("plain", "key", b"x").await.unwrap();
    assert_eq!(hold("plain", "key", None, "ON").await, "400 InvalidRequest");
    assert_eq!(held("plain", "key").await, "400 InvalidRequest");
    assert_eq!(hold("locked", "key", None, "ON").await, "404 NoSuchKey");

    let put = harness.put("locked", "key", b"x").await.unwrap();
    let version = put.version_id.unwrap();
    assert_eq!(
        held("locked", "key").await,
        "404 NoSuchObjectLockConfiguration"
    );
    assert_eq!(
        hold("locked", "key", None, "MAYBE").await,
        "400 InvalidArgument"
    );
    assert_eq!(hold("locked", "key", Some(&version), "ON").await, "ok");
    assert_eq!(held("locked", "key").await, "ON");
    let refused = harness.delete("locked", "key", Some(&version)).await;
    assert_eq!(outcome(&refused), "403 AccessDenied");
    // A delete marker on top hides the object, and keeps it.
    let marker = harness.delete("locked", "key", None).await.unwrap();
    assert_eq!(hold("locked", "key", None, "OFF").await, "404 NoSuchKey");
    let marker = marker.version_id.unwrap();
    assert_eq!(
        hold("locked", "key", Some(&marker), "ON").await,
        "405 MethodNotAllowed"
    );
    harness
        .delete("locked", "key", Some(&marker))
        .await
        .unwrap();
    assert_eq!(harness.get("locked", "key").await.unwrap(), b"x");
    assert_eq!(hold("locked", "key", None, "OFF").await, "ok");
    assert_eq!(held("locked", "key").await, "OFF");
    harness
        .delete("locked", "key", Some(&version))
        .await
        .unwrap();
    assert_eq!(
        outcome(&harness.get("locked", "key").await),
        "404 NoSuchKey"
    );
}

#[tokio::test]
async fn a_hold_put_with_the_object() {
    let harness = Harness::new().await;
    let with_hold = |md5: Option<&str>| PutObjectInput {
        object_lock_legal_hold_status: Some("ON".to_owned().into()),
        content_md5: md5.map(str::to_owned),
        ..Default::default()
    };
    let empty = Some("1B2M2Y8AsgTpgAmY7PhCfg==");
    let bare = harness
        .put_with("locked", "key", b"", with_hold(None))
        .await;
    assert_eq!(outcome(&bare), "400 InvalidRequest");
    let unlocked = harness
        .put_with("plain", "key", b"", with_hold(empty))
        .await;
    assert_eq!(outcome(&unlocked), "400 InvalidRequest");
    harness
        .put_with("locked", "key", b"", with_hold(empty))
        .await
        .unwrap();
    let get = harness
        .get_with("locked", "key", GetObjectInput::default())
        .await
        .unwrap();
    assert_eq!(get.object_lock_legal_hold_status.unwrap().as_str(), "ON");
}

#[tokio::test]
async fn tags() {
    let harness = Harness::new().await;
    let input = PutObjectInput {
        tagging: Some("kept=yes".into()),
        ..Default::default()
    };
    harness.put_with("plain", "key", b"", input).await.unwrap();
    let get = async || {
        let input = GetObjectTaggingInput::builder()
            .bucket("plain".to_owned())
            .key("key".to_owned())
            .build()
            .unwrap();
        let output = harness.service.get_object_tagging(request(input)).await;
        let tags = output.unwrap().output.tag_set;
        let tags = tags
            .into_iter()
            .map(|tag| format!("{}={}", tag.key.unwrap(), tag.value.unwrap()));
        tags.collect::<Vec<_>>().join("&")
    };
    let put = async |tags: &[(&str, &str)]| {
        let tag_set = tags.iter().map(|(key, value)| Tag {
            key: Some((*key).to_owned()),
            value: Some((*value).to_owned()),
        });
        let input = PutObjectTaggingInput::builder()
            .bucket("plain".to_owned())
            .key("key".to_owned())
            .tagging(Tagging {
                tag_set: tag_set.collect(),
            })
            .build()
            .unwrap();
        outcome(&harness.service.put_object_tagging(request(input)).await)
    };
    assert_eq!(get().await, "kept=yes");
    assert_eq!(put(&[("b", "2"), ("a", "1")]).await, "ok");
    assert_eq!(get().await, "b=2&a=1");
    assert_eq!(put(&[("a", "1"), ("a", "2")]).await, "400 InvalidTag");
    assert_eq!(put(&[("a", ""); 11]).await, "400 BadRequest");
    let input = DeleteObjectTaggingInput::builder()
        .bucket("plain".to_owned())
        .key("key".to_owned())
        .build()
        .unwrap();
    harness
        .service
        .delete_object_tagging(request(input))
        .await
        .unwrap();
    assert_eq!(get().await, "");
}
