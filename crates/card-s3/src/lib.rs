//! The S3 cards and the transfer code under them.
