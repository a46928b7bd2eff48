//! Notes the id of each request that S3 answers, for the report of the run.

use aws_sdk_s3::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::FinalizerInterceptorContextRef,
    },
    error::BoxError,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use flowrun_card::{Request, note_request};

/// Notes what requests are answered, each for the attempt that sent it.
#[derive(Debug)]
pub(crate) struct NoteRequests;

impl Intercept for NoteRequests {
    fn name(&self) -> &'static str {
        "NoteRequests"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(response), Some(asked)) = (context.response(), config.load::<Metadata>()) else {
            return Ok(());
        };
        let id = response.headers().get("x-amz-request-id");
        let request = Request {
            service: asked.service().to_owned(),
            operation: asked.name().to_owned(),
            status: response.status().as_u16(),
            request_id: id.unwrap_or_default().to_owned(),
        };
        tracing::debug!(
            operation = request.operation,
            status = request.status,
            request_id = request.request_id,
            "answered"
        );
        // A server of one's own may give none.
        if !request.request_id.is_empty() {
            note_request(request);
        }
        Ok(())
    }
}
