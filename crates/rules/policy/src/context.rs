//! The condition keys of a request, with their values.

/// Names of condition keys are case-insensitive; they are kept in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    entries: Vec<(String, Vec<String>)>,
}

impl Context {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key with one value; what it had before is gone.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, vec![value.into()]);
    }

    /// Sets a key with all its values. An empty list is a key that is there and has no values.
    pub fn set_all(&mut self, key: &str, values: Vec<String>) {
        let key = key.to_ascii_lowercase();
        match self.entries.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = values,
            None => self.entries.push((key, values)),
        }
    }

    /// The values of a key. None where the request does not have it.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        let found = |known: &&(String, Vec<String>)| known.0.eq_ignore_ascii_case(key);
        self.entries
            .iter()
            .find(found)
            .map(|(_, values)| values.as_slice())
    }

    /// The value of a key that has exactly one, as policy variables need it.
    pub fn single(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some([value]) => Some(value),
            _ => None,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        let entries = self.entries.iter();
        entries.map(|(key, values)| (key.as_str(), values.as_slice()))
    }
}
