"""A small virtual machine for tests that need another kernel setup than this machine's: Debian's kernel in QEMU, by
software emulation, with control groups version 2 alone.

Kernel and QEMU are Debian packages that are unpacked under target/guest and never installed. The root file system is an
ext4 image with busybox, the programs named below with their libraries, and whatever the caller adds at the same paths.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "target/guest"
KERNEL_PACKAGE = "linux-image-cloud-amd64"
QEMU_PACKAGE = "qemu-system-x86"
# In the order in which they must be loaded; the first ones find the disk.
DISK_MODULES = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk"]
MODULES = ["overlay", "loop", "veth"]
# What the runtime and its tests call, beside busybox's programs.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PROGRAMS = ["/usr/sbin/ip", "/usr/sbin/mkfs.ext4", "/usr/sbin/losetup", "/usr/bin/mount", "/usr/bin/umount"]
# Without these, QEMU's emulated clocks cost minutes: the kernel measures them against each other.
KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 reboot=t no_timer_check tsc_early_khz=2000000 tsc=reliable lpj=4000000 cgroup_no_v1=all"
MEMORY_MIB = 1536
DISK_MIB = 1024
RESULT = re.compile(r"^GUEST-RESULT (\d+)\s*$", re.MULTILINE)

INITRAMFS_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t devtmpfs none /dev
for module in {disk_modules}; do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox mount -t ext4 -o noatime /dev/vda /root
for module in {modules}; do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox umount /dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /sbin/init
"""

ROOT_INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
ip link add eth0 type veth peer name eth1
hostname guest
# The console turns no line feed into two characters.
stty -onlcr 2>/dev/null
sh /guest-command
echo "GUEST-RESULT $?"
sync
poweroff -f
"""


class GuestError(Exception):
    """The guest could not be made, or ended without a result."""


def available() -> str | None:
    """Why no guest can be made here, if so."""
    for program in ("apt-get", "dpkg-deb", "mke2fs", "/bin/busybox"):
        if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            return f"{program} is missing: guests are made of Debian's packages"
    if os.uname().machine != "x86_64":
        return f"guests are x86-64, this machine is {os.uname().machine}"
    return None


def run(command: str, files: list[Path], timeout_seconds: float, on_line=print) -> tuple[int, str]:
    """Boots, runs the shell command as root, and returns its exit code with all that the console said.

    `files` (programs with the libraries they need) are in the guest at the paths they have here.
    """
    kernel, initramfs = prepare_kernel()
    disk = make_disk(command, files)
    return boot(prepare_qemu(), kernel, initramfs, disk, timeout_seconds, on_line)


def boot(qemu: list[str], kernel: Path, initramfs: Path, disk: Path, timeout_seconds: float, on_line) -> tuple[int, str]:
    process = subprocess.Popen(
        ["nice", *qemu, "-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MIB), "-nodefaults", "-no-reboot",
         "-display", "none", "-monitor", "none", "-serial", "stdio", "-kernel", kernel, "-initrd", initramfs, "-append", KERNEL_ARGUMENTS,
         "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )
    watchdog = threading.Timer(timeout_seconds, process.kill)
    watchdog.start()
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            on_line(line.rstrip())
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
    console = "".join(said)
    result = RESULT.search(console)
    if not result:
        raise GuestError(f"the guest ended without a result, or had none after {timeout_seconds} s:\n{console[-4000:]}")
    return int(result.group(1)), console


def prepare_qemu() -> list[str]:
    """The emulator's command: this machine's own, or Debian's unpacked."""
    installed = shutil.which("qemu-system-x86_64")
    if installed:
        return [installed]
    directory = CACHE / "qemu"
    if not (directory / "complete").exists():
        unpack(directory, download_with_dependencies(QEMU_PACKAGE))
    libraries = f"{directory}/usr/lib/x86_64-linux-gnu:{directory}/lib/x86_64-linux-gnu"
    return ["env", f"LD_LIBRARY_PATH={libraries}", directory / "usr/bin/qemu-system-x86_64",
            "-L", directory / "usr/share/seabios", "-L", directory / "usr/share/qemu"]


def prepare_kernel() -> tuple[Path, Path]:
    """The kernel and an initial file system that finds the disk."""
    directory = CACHE / "kernel"
    if not (directory / "complete").exists():
        depends = output("apt-cache", "depends", KERNEL_PACKAGE)
        package = re.search(r"Depends: (linux-image-\S+)", depends)
        if not package:
            raise GuestError(f"{KERNEL_PACKAGE} is not in this machine's package lists: run apt-get update")
        unpack(directory, download(package.group(1)))
    kernel = next((directory / "boot").glob("vmlinuz-*"))
    initramfs = CACHE / "initramfs.cpio"
    modules = {path.stem: path for path in (directory / "lib/modules").rglob("*.ko")}
    init = INITRAMFS_INIT.format(disk_modules=" ".join(DISK_MODULES), modules=" ".join(MODULES))
    entries = [(name, None, 0o040755) for name in ("bin", "dev", "proc", "root", "modules")]
    entries += [("init", init.encode(), 0o100755), ("bin/busybox", Path("/bin/busybox").read_bytes(), 0o100755)]
    entries += [(f"modules/{name}.ko", modules[name].read_bytes(), 0o100644) for name in DISK_MODULES + MODULES]
    initramfs.write_bytes(cpio(entries))
    return kernel, initramfs


def make_disk(command: str, files: list[Path]) -> Path:
    tree = CACHE / "root"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("proc", "sys", "dev", "run", "root", "tmp", "etc", "sbin", "bin", "usr/bin", "usr/sbin"):
        (tree / name).mkdir(parents=True)
    (tree / "tmp").chmod(0o1777)
    place(tree, Path("/bin/busybox"))
    for applet in output("/bin/busybox", "--list").split():
        if applet != "busybox":
            (tree / "bin" / applet).symlink_to("busybox")
    for path in [*map(Path, PROGRAMS), CERTIFICATES, *files]:
        for needed in [path, *libraries(path)]:
            place(tree, needed)
    write(tree / "etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    write(tree / "etc/group", "root:x:0:\n")
    write(tree / "etc/mke2fs.conf", Path("/etc/mke2fs.conf").read_text())
    write(tree / "sbin/init", ROOT_INIT, 0o755)
    write(tree / "guest-command", command)
    disk = CACHE / "root.ext4"
    disk.unlink(missing_ok=True)
    mke2fs = shutil.which("mke2fs", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    output(mke2fs, "-q", "-t", "ext4", "-d", str(tree), str(disk), f"{DISK_MIB}M")
    shutil.rmtree(tree)
    return disk


def place(tree: Path, path: Path):
    """A copy at the same path, without debug information, which would be most of it."""
    target = tree / path.relative_to("/")
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    stripped = subprocess.run(["strip", "--strip-debug", "-o", str(target), str(path)], capture_output=True)
    if stripped.returncode != 0:
        shutil.copy(path, target)
    target.chmod(path.stat().st_mode & 0o777)


def libraries(path: Path) -> list[Path]:
    found = subprocess.run(["ldd", str(path)], capture_output=True, text=True)
    return [Path(name) for name in re.findall(r"(/\S+) \(0x", found.stdout)]


def cpio(entries: list[tuple[str, bytes | None, int]]) -> bytes:
    """An archive in the kernel's format (Documentation/driver-api/early-userspace/buffer-format.rst): path, content, mode."""
    archive = bytearray()
    for number, (name, content, mode) in enumerate([*entries, ("TRAILER!!!", None, 0)]):
        content = content or b""
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        archive += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        archive += b"\0" * (-len(archive) % 4) + content
        archive += b"\0" * (-len(archive) % 4)
    return bytes(archive)


def download(package: str) -> list[Path]:
    directory = fresh(CACHE / "packages" / package)
    # apt's own user must be able to write there, or it warns.
    output("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package, cwd=directory)
    return list(directory.glob("*.deb"))


def download_with_dependencies(package: str) -> list[Path]:
    """With all that it needs and this machine lacks."""
    directory = fresh(CACHE / "packages" / package)
    (directory / "partial").mkdir()
    output("apt-get", "install", "-qq", "-y", "--download-only", "--no-install-recommends", "-o", "APT::Sandbox::User=root",
           "-o", f"Dir::Cache::archives={directory}", package)
    return list(directory.glob("*.deb"))


def unpack(directory: Path, packages: list[Path]):
    fresh(directory)
    for package in packages:
        output("dpkg-deb", "-x", str(package), str(directory))
        package.unlink()
    (directory / "complete").touch()


def fresh(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def write(path: Path, text: str, mode: int = 0o644):
    path.write_text(text)
    path.chmod(mode)


def output(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=cwd)
    if done.returncode != 0:
        raise GuestError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout
