//! A small init: passes signals on and reaps, for images whose program does neither (`initProcessEnabled`). And process 1 of a
//! sandbox, which has no program.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::{Child, Command};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, close};

/// Starts the program below this process, which keeps nothing of what the shim had open but its streams and `report`: the
/// program can look into `/proc/1/fd` at once.
pub(super) fn spawn(mut command: Command, report: Option<&OwnedFd>) -> io::Result<Child> {
    close_inherited(report.map(AsRawFd::as_raw_fd));
    SigSet::all().thread_unblock()?;
    let child = command.spawn()?;
    // Not before, for the program would inherit it. Nobody signals this process until the shim knows of it.
    SigSet::all().thread_block()?;
    Ok(child)
}

/// Stays until the program has ended, and ends as it did.
pub(super) fn supervise(child: Child) -> ! {
    let _ = nix::sys::prctl::set_name(c"gantry-init");
    let program = Pid::from_raw(i32::try_from(child.id()).expect("a process id is an i32"));
    // It may have ended before SIGCHLD was blocked.
    if let Some(code) = reap(program) {
        std::process::exit(code);
    }
    loop {
        // `wait` fails only for a set with invalid signals.
        let signal = SigSet::all().wait().unwrap_or(Signal::SIGCHLD);
        if signal == Signal::SIGCHLD {
            if let Some(code) = reap(program) {
                std::process::exit(code);
            }
        } else {
            // It may have ended just now; then SIGCHLD is next.
            let _ = kill(program, signal);
        }
    }
}

/// Stays until it is killed, and reaps whoever ends without a parent.
pub(super) fn hold() -> ! {
    // Signals wait to be taken by `wait`; from inside the namespace not even SIGKILL ends process 1.
    let _ = SigSet::all().thread_block();
    let _ = nix::sys::prctl::set_name(c"gantry-sandbox");
    close_inherited(None);
    loop {
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive)
        {
        }
        let _ = SigSet::all().wait();
    }
}

fn reap(program: Pid) -> Option<i32> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == program => return Some(code),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => {
                return Some(128 + signal as i32);
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            _ => {}
        }
    }
}

/// This process does not execute anything, so it would keep what the shim had open, some of it on the host.
fn close_inherited(keep: Option<RawFd>) {
    const FIRST: i32 = 3;
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let descriptors: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in descriptors
        .into_iter()
        .filter(|descriptor| *descriptor >= FIRST && Some(*descriptor) != keep)
    {
        // The directory's own descriptor is in the list and closed already.
        let _ = close(descriptor);
    }
}
