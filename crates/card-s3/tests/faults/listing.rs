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
