//! Named connections: stores, role assumption and cached sessions.
