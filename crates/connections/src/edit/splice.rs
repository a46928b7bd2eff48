//! The text of a connection file with one entry added, changed or taken out.

use super::layout::{Entry, Key, Layout, Style, layout, line_end};
use crate::{
    Connection, ConnectionSet,
    file::{
        entries::COMMON_KEYS,
        members::{MEMBER_KEYS, MEMBERS},
        scalar::yaml,
    },
    kind::KeySpec,
};

/// The text with a connection at its end; of a member, with its set.
pub(super) fn add(text: &str, connection: &Connection) -> Result<String, String> {
    let Layout { entries, indent } = layout(text)?;
    let line_break = line_break(text);
    let margin = " ".repeat(indent);
    let mut new = text.to_owned();
    if !new.is_empty() && !new.ends_with('\n') {
        new.push_str(line_break);
    }
    let ends_blank = new
        .lines()
        .next_back()
        .is_none_or(|line| line.trim().is_empty());
    if !entries.is_empty() && !ends_blank {
        new.push_str(line_break);
    }
    let mut lines = vec![format!("{margin}{}:", yaml(connection.entry()))];
    let fields = match &connection.member {
        Some(member) => set_fields(&member.set),
        None => fields(connection),
    };
    for (key, value) in fields {
        if let Some(value) = value {
            lines.push(format!("{margin}  {key}: {value}"));
        }
    }
    if connection.member.is_some() {
        lines.push(format!("{margin}  {MEMBERS}:"));
        lines.push(format!("{margin}    - {}", member_line(connection)));
    }
    for line in lines {
        new.push_str(&line);
        new.push_str(line_break);
    }
    Ok(new)
}

/// The text with a further member at the end of its set.
pub(super) fn add_member(text: &str, connection: &Connection) -> Result<String, String> {
    let layout = layout(text)?;
    let set = find(&layout, connection.entry())?;
    let members = set.members.as_ref().ok_or_else(|| unusual(set))?;
    let last = members.items.last().ok_or_else(|| unusual(set))?;
    let line = member_line(connection);
    let mut new = text.to_owned();
    let Some(indent) = members.indent else {
        new.insert_str(last.lines.end, &format!(", {line}"));
        return Ok(new);
    };
    let line = format!("{}- {line}", " ".repeat(indent));
    let end = line_break(text);
    let at = last.lines.end;
    if text.get(..at).is_some_and(|before| before.ends_with('\n')) {
        new.insert_str(at, &format!("{line}{end}"));
    } else {
        // The last line of a file that has no end.
        new.insert_str(at, &format!("{end}{line}"));
    }
    Ok(new)
}

/// The text without a member that is not the only one: where it stands in its set.
pub(super) fn remove_member(text: &str, set: &str, at: usize) -> Result<String, String> {
    let layout = layout(text)?;
    let set = find(&layout, set)?;
    let members = set.members.as_ref().ok_or_else(|| unusual(set))?;
    let lines = |at: usize| members.items.get(at).map(|item| item.lines.clone());
    let this = lines(at).ok_or_else(|| unusual(set))?;
    let range = match (members.indent, at.checked_sub(1).and_then(lines)) {
        (Some(_), _) => this,
        (None, Some(before)) => before.end..this.end,
        (None, None) => this.start..lines(1).ok_or_else(|| unusual(set))?.start,
    };
    let mut text = text.to_owned();
    text.replace_range(range, "");
    Ok(text)
}

/// The text without a connection or set.
pub(super) fn remove(text: &str, nickname: &str) -> Result<String, String> {
    let layout = layout(text)?;
    let entry = find(&layout, nickname)?;
    let (before, after) = (
        text.get(..entry.lines.start).unwrap_or_default(),
        text.get(entry.lines.end..).unwrap_or_default(),
    );
    let last = before.split_inclusive('\n').next_back().unwrap_or_default();
    let is_blank_before = last.trim().is_empty();
    let next = after.split_inclusive('\n').next().unwrap_or_default();
    // Of the two blank lines around it one is enough.
    let (before, after) = if is_blank_before && !next.is_empty() && next.trim().is_empty() {
        (before, after.strip_prefix(next).unwrap_or(after))
    } else if is_blank_before && after.is_empty() {
        (before.strip_suffix(last).unwrap_or(before), after)
    } else {
        (before, after)
    };
    Ok(format!("{before}{after}"))
}

/// The text with what differs between two states of a connection; of a member, `at` is where it
/// stands in its set.
pub(super) fn change(
    text: &str,
    old: &Connection,
    new: &Connection,
    at: usize,
) -> Result<String, String> {
    let mut text = text.to_owned();
    if old.kind() != new.kind() {
        return Err(format!(
            "the connection `{}` would be of another kind",
            old.nickname
        ));
    }
    let fields_of_new = fields(new);
    let order: Vec<&str> = fields_of_new.iter().map(|(key, _)| *key).collect();
    for ((key, before), (_, after)) in fields(old).into_iter().zip(fields_of_new) {
        if before != after {
            let layout = layout(&text)?;
            let mut entry = find(&layout, old.entry())?;
            if old.member.is_some() {
                let items = entry.members.as_ref().map(|members| &members.items);
                let item = items.and_then(|items| items.get(at));
                entry = item.ok_or_else(|| unusual(entry))?;
            }
            text = match after {
                Some(value) => set(&text, entry, (key, &value), &order)?,
                None => unset(&text, entry, key)?,
            };
        }
    }
    match old.member {
        None => rename(text, &old.nickname, &new.nickname),
        // By its set and account.
        Some(_) => Ok(text),
    }
}

/// The text with what differs between two states of a set and its members.
pub(super) fn change_set(
    text: &str,
    old: &[&Connection],
    new: &[Connection],
) -> Result<String, String> {
    let mut text = text.to_owned();
    for (at, (old, new)) in old.iter().zip(new).enumerate() {
        text = change(&text, old, new, at)?;
    }
    let set_of = |member: Option<&Connection>| Some(member?.member.as_ref()?.set.clone());
    let (Some(old), Some(new)) = (set_of(old.first().copied()), set_of(new.first())) else {
        return Ok(text);
    };
    let fields_of_new = set_fields(&new);
    let order: Vec<&str> = fields_of_new.iter().map(|(key, _)| *key).collect();
    for ((key, before), (_, after)) in set_fields(&old).into_iter().zip(fields_of_new) {
        if before != after {
            let layout = layout(&text)?;
            let entry = find(&layout, &old.name)?;
            text = match after {
                Some(value) => set(&text, entry, (key, &value), &order)?,
                None => unset(&text, entry, key)?,
            };
        }
    }
    rename(text, &old.name, &new.name)
}

fn rename(mut text: String, old: &str, new: &str) -> Result<String, String> {
    if old != new {
        let layout = layout(&text)?;
        let entry = find(&layout, old)?;
        text.replace_range(entry.name.clone(), &yaml(new));
    }
    Ok(text)
}

fn find<'l>(layout: &'l Layout, nickname: &str) -> Result<&'l Entry, String> {
    layout
        .entries
        .iter()
        .find(|entry| entry.nickname == nickname)
        .ok_or_else(|| format!("the connection `{nickname}` is written in an unusual way"))
}

fn unusual(entry: &Entry) -> String {
    format!(
        "the connection `{}` is written in an unusual way",
        entry.nickname
    )
}

/// Writes a key with its value. A new one stands where the order of the keys has it, as far as the
/// entry keeps to that.
fn set(
    text: &str,
    entry: &Entry,
    (key, value): (&str, &str),
    order: &[&str],
) -> Result<String, String> {
    let mut text = text.to_owned();
    let is_there = |found: &&Key| found.name == key;
    if let Some(found) = entry.keys.iter().find(is_there) {
        match (&found.value, entry.style) {
            (_, Style::Other) => return Err(unusual(entry)),
            (Some(range), _) => text.replace_range(range.clone(), value),
            // A text of many lines.
            (None, Style::Block(indent)) => {
                let line = block_line(&text, indent, key, value);
                text.replace_range(found.lines.clone(), &line);
            }
            (None, Style::Flow) => return Err(unusual(entry)),
        }
        return Ok(text);
    }
    let rank = |name: &str| order.iter().position(|known| *known == name);
    let before = entry
        .keys
        .iter()
        .filter(|found| rank(&found.name) < rank(key))
        .max_by_key(|found| rank(&found.name))
        .ok_or_else(|| unusual(entry))?;
    match entry.style {
        Style::Block(indent) => {
            let line = block_line(&text, indent, key, value);
            let at = before.lines.end;
            if text.get(..at).is_some_and(|before| before.ends_with('\n')) {
                text.insert_str(at, &line);
            } else {
                // The last line of a file that has no end.
                let line = format!("{}{}", line_break(&text), line.trim_end());
                text.insert_str(at, &line);
            }
        }
        Style::Flow => {
            let end = before.value.as_ref().ok_or_else(|| unusual(entry))?.end;
            text.insert_str(end, &format!(", {key}: {value}"));
        }
        Style::Other => return Err(unusual(entry)),
    }
    Ok(text)
}

fn unset(text: &str, entry: &Entry, key: &str) -> Result<String, String> {
    let mut text = text.to_owned();
    let at = entry
        .keys
        .iter()
        .position(|found| found.name == key)
        .ok_or_else(|| unusual(entry))?;
    let found = entry.keys.get(at).ok_or_else(|| unusual(entry))?;
    let end_of = |key: &Key| key.value.as_ref().map(|value| value.end);
    match entry.style {
        Style::Block(_) => text.replace_range(found.lines.clone(), ""),
        Style::Flow => {
            let before = at.checked_sub(1).and_then(|at| entry.keys.get(at));
            let after = entry.keys.get(at.saturating_add(1));
            let range = match (before, after) {
                (Some(before), _) => end_of(before).zip(end_of(found)),
                (None, Some(after)) => Some((found.start, after.start)),
                (None, None) => None,
            };
            let (start, end) = range.ok_or_else(|| unusual(entry))?;
            text.replace_range(start..end, "");
        }
        Style::Other => return Err(unusual(entry)),
    }
    Ok(text)
}

fn block_line(text: &str, indent: usize, key: &str, value: &str) -> String {
    format!("{}{key}: {value}{}", " ".repeat(indent), line_break(text))
}

/// How the first line of a text ends.
fn line_break(text: &str) -> &'static str {
    let first = text.get(..line_end(text, 0)).unwrap_or_default();
    if first.ends_with("\r\n") {
        "\r\n"
    } else {
        "\n"
    }
}

/// The keys of a connection in their order, with their values as YAML; `None` for those that it
/// does not have. Of a member, those that are its own.
fn fields(connection: &Connection) -> Vec<(&'static str, Option<String>)> {
    if let (Some(member), Some(aws)) = (&connection.member, connection.aws()) {
        let text = |text: &Option<String>| text.as_deref().map(yaml);
        let is_own = aws.region != member.set.common.region;
        let values = [
            Some(format!("\"{}\"", member.account)),
            text(&connection.description),
            text(&aws.external_id),
            text(&aws.next_external_id),
            text(&aws.accept_unsafe),
            text(&aws.region).filter(|_| is_own),
        ];
        return KeySpec::names(&MEMBER_KEYS)
            .into_iter()
            .zip(values)
            .collect();
    }
    let common = [
        Some(connection.kind().name.to_owned()),
        connection.description.as_deref().map(yaml),
    ];
    let own = connection.definition.fields();
    COMMON_KEYS.into_iter().zip(common).chain(own).collect()
}

/// The keys of a set but for its members.
fn set_fields(set: &ConnectionSet) -> Vec<(&'static str, Option<String>)> {
    let common = Connection::new("", "", set.common.clone());
    let mut fields = fields(&common);
    for (key, value) in &mut fields {
        match *key {
            "description" => *value = set.description.as_deref().map(yaml),
            "role_arn" => *value = Some(yaml(set.role_arn.as_str())),
            _ => {}
        }
    }
    fields
}

/// A member on one line.
fn member_line(connection: &Connection) -> String {
    let fields = fields(connection).into_iter();
    let fields: Vec<String> = fields
        .filter_map(|(key, value)| Some(format!("{key}: {}", value?)))
        .collect();
    format!("{{ {} }}", fields.join(", "))
}
