//! Property tests of the run machine: random programs, run by a simulated driver
//! under random schedules, watched event by event and compared with a model.
//!
//! `PROPTEST_CASES=10000 cargo test --release -p flowrun-engine --test machine`
//! runs more cases than the default of 256.

#[cfg(test)]
mod driver;
#[cfg(test)]
mod model;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod strategy;
#[cfg(test)]
mod watch;
