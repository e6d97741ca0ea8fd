//! Options that may be given several times, in `run.toml`: a single value as itself, several as a list.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<T: Serialize, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    match values {
        [only] => only.serialize(serializer),
        several => several.serialize(serializer),
    }
}

pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let values = match toml::Value::deserialize(deserializer)? {
        toml::Value::Array(several) => several,
        only => vec![only],
    };
    values.into_iter().map(|value| T::deserialize(value).map_err(D::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Options {
        #[serde(default, with = "super", skip_serializing_if = "Vec::is_empty")]
        budget: Vec<String>,
    }

    #[test]
    fn one_is_itself_and_several_are_a_list() {
        for (budget, text) in
            [(vec![], ""), (vec!["a"], "budget = \"a\"\n"), (vec!["a", "b"], "budget = [\"a\", \"b\"]\n")]
        {
            let options = Options { budget: budget.into_iter().map(str::to_owned).collect() };
            assert_eq!(toml::to_string(&options).expect("TOML"), text);
            assert_eq!(toml::from_str::<Options>(text).expect("TOML"), options);
        }
    }
}
