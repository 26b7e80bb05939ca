//! Events of many lines: the options `awslogs-multiline-pattern` and `awslogs-datetime-format` of Docker's driver
//! (<https://docs.docker.com/engine/logging/drivers/awslogs/>). A line that the pattern fits begins an event, all that
//! follow belong to it; an event whose next line does not come is sent after five seconds.

use std::time::Duration;

use clock::UnixMillis;
use regex::{Regex, RegexBuilder};
use runtime::LogCursor;

/// As in Docker.
const MAX_EVENT_BYTES: usize = 256 * 1024 - 26;
const MAX_AGE: Duration = Duration::from_secs(5);
const REGEX_BYTES: usize = 1024 * 1024;

/// The pattern that an option means, checked.
pub fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build()
}

/// The regular expression of a time as `strftime` writes it.
pub fn pattern_of_datetime_format(format: &str) -> String {
    let mut pattern = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        let conversion = (character == '%').then(|| characters.next()).flatten();
        match conversion.map(conversion_pattern) {
            Some(Some(known)) => pattern.push_str(known),
            Some(None) => pattern.push_str(&regex::escape(&conversion.unwrap_or('%').to_string())),
            None => pattern.push_str(&regex::escape(&character.to_string())),
        }
    }
    pattern
}

fn conversion_pattern(letter: char) -> Option<&'static str> {
    Some(match letter {
        'A' => "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
        'a' => "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
        'B' => {
            "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
        }
        'b' => "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
        'd' => "(?:0[1-9]|[12][0-9]|3[01])",
        'f' => "[0-9]{6}",
        'H' => "(?:[01][0-9]|2[0-3])",
        'I' => "(?:0[1-9]|1[0-2])",
        'j' => "[0-3][0-9]{2}",
        'L' => "\\.[0-9]{3}",
        'M' => "[0-5][0-9]",
        'm' => "(?:0[1-9]|1[0-2])",
        'p' => "(?:AM|PM|am|pm)",
        'S' => "[0-5][0-9]",
        'w' => "[0-6]",
        'Y' => "[0-9]{4}",
        'y' => "[0-9]{2}",
        'Z' => "[A-Z]{1,4}T",
        'z' => "[+-][0-9]{4}",
        _ => return None,
    })
}

/// Lines that are still to become an event.
#[derive(Debug)]
pub struct Joiner {
    begins: Regex,
    pending: Option<Pending>,
    /// Behind the last line taken.
    behind: LogCursor,
}

#[derive(Debug)]
struct Pending {
    at: UnixMillis,
    text: String,
    since: Duration,
}

/// An event that is whole, and the place behind it.
pub type Joined = (UnixMillis, String, LogCursor);

impl Joiner {
    pub fn new(begins: Regex) -> Self {
        Self {
            begins,
            pending: None,
            behind: LogCursor::START,
        }
    }

    /// Takes a line; gives the event that it ends. `now` only ever grows.
    pub fn take(
        &mut self,
        at: UnixMillis,
        text: &str,
        behind: LogCursor,
        now: Duration,
    ) -> Option<Joined> {
        let bytes = self.pending.as_ref().map_or(0, |it| it.text.len());
        let is_new = self.begins.is_match(text) || bytes + text.len() >= MAX_EVENT_BYTES;
        let ended = if is_new { self.flush() } else { None };
        let pending = self.pending.get_or_insert_with(|| Pending {
            at,
            text: String::new(),
            since: now,
        });
        pending.text.push_str(text);
        pending.text.push('\n');
        self.behind = behind;
        ended
    }

    /// The event as it is.
    pub fn flush(&mut self) -> Option<Joined> {
        let pending = self.pending.take()?;
        Some((pending.at, pending.text, self.behind))
    }

    /// The event, when it has waited long enough.
    pub fn flush_old(&mut self, now: Duration) -> Option<Joined> {
        let since = self.pending.as_ref()?.since;
        (now.saturating_sub(since) >= MAX_AGE).then(|| self.flush())?
    }

    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u64) -> LogCursor {
        LogCursor { file: 0, offset }
    }

    #[test]
    fn lines_go_with_the_one_that_began() {
        let mut joiner = Joiner::new(compile("^INFO|^ERROR").unwrap());
        let second = Duration::from_secs(1);
        let mut take =
            |n: u64, text: &str| joiner.take(UnixMillis(n as i64), text, place(n), second);
        assert_eq!(take(1, "stray"), None);
        assert_eq!(
            take(2, "INFO a"),
            Some((UnixMillis(1), "stray\n".to_owned(), place(1)))
        );
        assert_eq!(take(3, "  at x"), None);
        assert_eq!(take(4, ""), None);
        let event = take(5, "ERROR b");
        assert_eq!(
            event,
            Some((UnixMillis(2), "INFO a\n  at x\n\n".to_owned(), place(4)))
        );
        assert!(joiner.is_waiting());
        assert_eq!(joiner.flush_old(Duration::from_secs(5)), None);
        let event = joiner.flush_old(Duration::from_secs(6));
        assert_eq!(
            event,
            Some((UnixMillis(5), "ERROR b\n".to_owned(), place(5)))
        );
        assert_eq!(joiner.flush(), None);
    }

    #[test]
    fn an_event_is_bounded() {
        let mut joiner = Joiner::new(compile("^BEGIN").unwrap());
        let long = "x".repeat(100 * 1024);
        let mut events = Vec::new();
        for n in 0..10 {
            events.extend(joiner.take(UnixMillis(n), &long, place(n as u64), Duration::ZERO));
        }
        events.extend(joiner.flush());
        assert!(
            events
                .iter()
                .all(|(_, text, _)| text.len() <= MAX_EVENT_BYTES + 1)
        );
        assert_eq!(
            events
                .iter()
                .map(|(_, text, _)| text.matches('\n').count())
                .sum::<usize>(),
            10
        );
    }

    #[test]
    fn formats_of_times_fit_times() {
        for (format, line, fits) in [
            (
                "[%b %d, %Y %H:%M:%S]",
                "[May 01, 2017 19:00:01] A message",
                true,
            ),
            ("[%b %d, %Y %H:%M:%S]", "  at [May 1, 2017]", false),
            (
                "%Y-%m-%dT%H:%M:%S%L%z",
                "2026-11-21T23:59:59.123+0100 x",
                true,
            ),
            ("%A %B %I:%M %p", "Monday May 01:30 PM", true),
            ("%a %j %y %f %w %Z", "Tue 325 26 000001 6 CET", true),
            ("%d.%m.%Y 100%%", "21.11.2026 100%", true),
            ("%H:%M", "24:00", false),
        ] {
            let pattern = compile(&pattern_of_datetime_format(format)).unwrap();
            assert_eq!(pattern.is_match(line), fits, "{format} {line} {pattern}");
        }
    }
}
