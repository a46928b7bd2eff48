//! Function cards: text, list, json, date, number and logic.
