//! Telling processes apart across restarts: a number alone is used again.

use std::fs;
use std::io;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// One process of one boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessIdentity {
    pub pid: i32,
    /// Clock ticks after boot, field 22 of `/proc/<pid>/stat`.
    pub start_time: u64,
    pub boot_id: String,
}

impl ProcessIdentity {
    /// The process that has this number now.
    pub(crate) fn of(pid: i32) -> io::Result<Self> {
        let stat = read_stat(pid)?;
        Ok(Self {
            pid,
            start_time: stat.start_time,
            boot_id: boot_id()?,
        })
    }

    pub(crate) fn of_this_process() -> io::Result<Self> {
        Self::of(Pid::this().as_raw())
    }

    /// It is this very process, and it is not only waiting to be reaped.
    pub(crate) fn is_alive(&self) -> bool {
        read_stat(self.pid).is_ok_and(|stat| stat.start_time == self.start_time && !stat.is_zombie)
            && boot_id().is_ok_and(|boot_id| boot_id == self.boot_id)
    }

    /// Sends a signal if the process is still there; tells whether it was.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        if !self.is_alive() {
            return Ok(false);
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// A signal by its name, with or without `SIG`, or its number. Real-time signals are not supported.
pub(crate) fn parse_signal(text: &str) -> Option<Signal> {
    let text = text.trim().to_ascii_uppercase();
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).ok();
    }
    let name = if text.starts_with("SIG") {
        text
    } else {
        format!("SIG{text}")
    };
    name.parse().ok()
}

struct Stat {
    is_zombie: bool,
    start_time: u64,
}

fn read_stat(pid: i32) -> io::Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unexpected /proc/<pid>/stat"))
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is the program's name in brackets, and may contain both spaces and brackets.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    Some(Stat {
        is_zombie: matches!(state, "Z" | "X"),
        start_time: fields.nth(18)?.parse().ok()?,
    })
}

/// The kernel's name for this boot of the machine.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_double_is_not() {
        let this = ProcessIdentity::of_this_process().unwrap();
        assert!(this.is_alive());
        assert!(
            !ProcessIdentity {
                start_time: this.start_time + 1,
                ..this.clone()
            }
            .is_alive()
        );
        assert!(
            !ProcessIdentity {
                boot_id: "another".into(),
                ..this
            }
            .is_alive()
        );
    }

    #[test]
    fn names_may_hold_brackets() {
        let text = "7 (a) b (c) Z 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        let stat = parse_stat(text).unwrap();
        assert!(stat.is_zombie);
        assert_eq!(stat.start_time, 4242);
    }

    #[test]
    fn signals_have_three_spellings() {
        for text in ["SIGTERM", "term", "15"] {
            assert_eq!(parse_signal(text), Some(Signal::SIGTERM), "{text}");
        }
        assert_eq!(parse_signal("SIGNOPE"), None);
        assert_eq!(parse_signal("99"), None);
    }
}
