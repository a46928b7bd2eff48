//! The flow language and the run: load, check, plan and run a flow.

pub mod machine;
