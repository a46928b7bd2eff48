//! The S3 cards, the transfer code under them, and [asking](ask) S3 what a session may do.
//!
//! Each card is one file under `cards`; what moves bytes stands under `transfer`. Names are those
//! of the S3 API in snake case, in inputs, outputs and errors alike. ETags are given without the
//! quotes that HTTP puts around them.

pub mod ask;
mod cards;
mod client;
mod error;
mod fields;
mod permissions;
mod requests;
mod transfer;

use flowrun_card::{Registry, RegistryError};

/// Adds every S3 card.
///
/// # Errors
/// A [`RegistryError`] where a name is taken.
pub fn register(registry: &mut Registry) -> Result<(), RegistryError> {
    registry
        .card(cards::copy::Copy)?
        .card(cards::create_bucket::CreateBucket)?
        .card(cards::delete_object::DeleteObject)?
        .card(cards::download::Download)?
        .card(cards::head_object::HeadObject)?
        .card(cards::list_objects::ListObjects)?
        .card(cards::put_bucket_versioning::PutBucketVersioning)?
        .card(cards::put_object_legal_hold::PutObjectLegalHold)?
        .card(cards::upload::Upload)?
        .card(cards::upload_folder::UploadFolder)?;
    Ok(())
}
