//! A container's terminal: the OCI runtime makes it inside the container and sends the end that leads out.

use std::fs::File;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::ShimError;
use crate::disk::ContainerDirectory;

const SOCKET: &str = "console.sock";
/// It was sent before the program was started.
const PATIENCE_MILLISECONDS: u16 = 10_000;

/// Where the terminal is sent to (OCI runtimes' `--console-socket`).
pub(super) struct Console {
    listener: UnixListener,
    /// Its names must be short.
    directory: File,
}

impl Console {
    pub(super) fn listen(directory: &ContainerDirectory) -> Result<Self, ShimError> {
        let failed = |error: std::io::Error| ShimError::system("console socket")(error);
        let directory = File::open(directory.path()).map_err(failed)?;
        let path = socket_path(&directory);
        let listener = UnixListener::bind(path).map_err(failed)?;
        Ok(Self {
            listener,
            directory,
        })
    }

    /// Leads there for every process of this machine.
    pub(super) fn path(&self) -> PathBuf {
        socket_path(&self.directory)
    }

    /// The terminal's end on this side.
    pub(super) fn receive(self) -> Result<OwnedFd, ShimError> {
        let failed = |error: std::io::Error| ShimError::system("console socket")(error);
        let nothing = || ShimError::Container("the OCI runtime sent no terminal".to_owned());
        await_readable(&self.listener)?.ok_or_else(nothing)?;
        let (stream, _) = self.listener.accept().map_err(failed)?;
        await_readable(&stream)?.ok_or_else(nothing)?;
        let mut name = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        recvmsg(
            &stream,
            &mut [IoSliceMut::new(&mut name)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
        .map_err(|errno| failed(errno.into()))?;
        let mut received = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        received.next().ok_or_else(nothing)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It goes with the container at the latest.
        let _ = std::fs::remove_file(self.path());
    }
}

fn socket_path(directory: &File) -> PathBuf {
    let (process, descriptor) = (std::process::id(), directory.as_raw_fd());
    PathBuf::from(format!("/proc/{process}/fd/{descriptor}/{SOCKET}"))
}

fn await_readable(descriptor: &impl AsFd) -> Result<Option<()>, ShimError> {
    let mut descriptors = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
    let ready = poll(&mut descriptors, PollTimeout::from(PATIENCE_MILLISECONDS))
        .map_err(ShimError::system("console socket"))?;
    Ok((ready > 0).then_some(()))
}
