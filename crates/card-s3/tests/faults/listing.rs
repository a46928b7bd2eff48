//! Listings of odd servers.

use flowrun_card::ErrorKind;
use serde_json::json;

use crate::support::scripted::{Answer, Scripted};

fn page(keys: &str, token: Option<&str>) -> Answer {
    let next = token.map_or(String::new(), |token| {
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    });
    let more = token.is_some();
    Answer::new(
        200,
        format!(
            "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>\
             {next}{keys}</ListBucketResult>"
        ),
    )
}

#[tokio::test]
async fn a_listing_goes_over_empty_pages_and_stops_at_a_token_that_comes_again() {
    let list = json!({ "connection": "it", "bucket": "bucket" });
    let server = Scripted::start(|_, before| match before {
        0 => page("", Some("one")),
        1 => page(
            "<Contents><Key>a+b%2Bc</Key><Size>3</Size><ETag>\"tag\"</ETag></Contents>",
            Some("two"),
        ),
        _ => page("", None),
    })
    .await;
    assert_eq!(
        server
            .world
            .run("s3.list_objects", list.clone())
            .await
            .unwrap(),
        json!({
            "objects": [{
                "key": "a b+c", "size": 3, "etag": "tag", "last_modified": null,
                "storage_class": null,
            }],
            "common_prefixes": [],
            "truncated": false,
        })
    );
    let server = Scripted::start(|_, _| page("", Some("one"))).await;
    let error = server.world.run("s3.list_objects", list).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn tokens_that_go_in_a_circle_end_the_listing() {
    let list = json!({ "connection": "it", "bucket": "bucket" });
    let server = Scripted::start(|_, before| {
        let token = ["one", "two", "three"][before % 3];
        page(
            "<Contents><Key>a</Key><Size>3</Size></Contents>",
            Some(token),
        )
    })
    .await;
    let error = server.world.run("s3.list_objects", list).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
    assert_eq!(server.requests().len(), 7);
}

#[tokio::test]
async fn a_limit_holds_where_the_server_ignores_it() {
    let entries = "<Contents><Key>a</Key></Contents><Contents><Key>c</Key></Contents>\
                   <CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>\
                   <CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>";
    for (limit, objects, prefixes, truncated) in [
        (1, vec!["a"], json!([]), true),
        (2, vec!["a"], json!(["b/"]), true),
        (3, vec!["a", "c"], json!(["b/"]), true),
        (4, vec!["a", "c"], json!(["b/", "d/"]), false),
    ] {
        let server = Scripted::start(move |_, _| page(entries, None)).await;
        let list = json!({
            "connection": "it", "bucket": "bucket", "delimiter": "/", "limit": limit,
        });
        let output = server.world.run("s3.list_objects", list).await.unwrap();
        let keys = output["objects"].as_array().unwrap().iter();
        let keys: Vec<_> = keys.map(|object| object["key"].as_str().unwrap()).collect();
        assert_eq!(keys, objects, "{limit}");
        assert_eq!(output["common_prefixes"], prefixes, "{limit}");
        assert_eq!(output["truncated"], truncated, "{limit}");
    }
}
