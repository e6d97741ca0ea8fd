//! What differs between two sets of settings.

use serde_json::Value;

/// One sentence for each setting that differs: ``` `a.b` was 2 and is now 3 ```.
pub fn differences(before: &Value, now: &Value) -> Vec<String> {
    let (before, now) = (settings("", before), settings("", now));
    let mut changed = Vec::new();
    for (key, value) in &now {
        let old = before.iter().find(|(k, _)| k == key).map_or("not set", |(_, v)| v.as_str());
        if old != value {
            changed.push(format!("`{key}` was {old} and is now {value}"));
        }
    }
    for (key, value) in &before {
        if !now.iter().any(|(k, _)| k == key) {
            changed.push(format!("`{key}` was {value} and is now not set"));
        }
    }
    changed
}

/// The settings within a value by their path.
fn settings(path: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                settings(&path, value)
            })
            .collect(),
        other => vec![(path.to_owned(), other.to_string())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changed_new_and_missing_settings_are_told_by_their_path() {
        let before = json!({ "seed": 1, "a": { "b": 2, "gone": "x" } });
        let now = json!({ "seed": 1, "a": { "b": 3.5 }, "new": [1] });
        assert_eq!(
            differences(&before, &now),
            [
                "`a.b` was 2 and is now 3.5",
                "`new` was not set and is now [1]",
                "`a.gone` was \"x\" and is now not set"
            ]
        );
        assert!(differences(&before, &before).is_empty());
    }
}
