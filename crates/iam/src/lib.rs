//! IAM policies as data: parse, render and evaluate.
