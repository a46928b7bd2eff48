//! The contract between a flowrun engine and a card.
