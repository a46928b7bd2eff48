//! "Did you mean": the name that somebody most likely meant.

/// Longer names were not mistyped; what they are near to would take long to find.
const MAX_LENGTH: usize = 64;

/// The most candidates that are looked at.
const MAX_CANDIDATES: usize = 10_000;

/// The candidate nearest to `name`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    let own = name.chars().count();
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.len() <= MAX_LENGTH)
        .filter_map(|candidate| {
            let other = candidate.chars().count();
            let length = own.max(other);
            let near = (length / 3).max(1);
            if own.abs_diff(other) > near {
                return None;
            }
            let distance = strsim::damerau_levenshtein(name, candidate);
            // Names that share nothing are not near, however short.
            (distance <= near && distance < length).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The sentence that suggests it.
pub(crate) fn among<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}
