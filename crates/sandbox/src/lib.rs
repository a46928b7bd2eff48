//! An embedded AWS-shaped endpoint: S3 and STS with IAM enforced.
