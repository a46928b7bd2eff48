//! Test support: servers and builders. Development only.
