//! Flows as authors write them: what the checker says of them, and what a run of them does. All
//! through the embedding API.

#[cfg(test)]
mod cards;
#[cfg(test)]
mod check;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod run;
#[cfg(test)]
mod support;
