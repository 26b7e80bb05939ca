"""What a task definition says about a container, seen from inside real containers."""

import hashlib
import io
import json
import os
import re
import resource
import tarfile
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from world import GANTRY, wait_until

GROUP = "/test/containers"
RESTART_SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def restarting(world, busybox):
    """Runs beside the other tests, because a container is restarted at the earliest a minute after its start."""
    definition = _register(
        world, busybox, "restarting",
        {"command": ["sleep 1000"], "stopTimeout": 2},
        {
            "name": "again", "essential": False, "command": [f"echo begun; sleep {RESTART_SECONDS + 1}; exit 4"],
            "stopTimeout": 2, "restartPolicy": {"enabled": True, "restartAttemptPeriod": RESTART_SECONDS},
        },
        {
            "name": "ignored", "essential": False, "command": [f"sleep {RESTART_SECONDS + 1}; exit 7"],
            "stopTimeout": 2, "restartPolicy": {"enabled": True, "ignoredExitCodes": [7], "restartAttemptPeriod": RESTART_SECONDS},
        },
        {
            "name": "early", "essential": False, "command": ["exit 5"],
            "stopTimeout": 2, "restartPolicy": {"enabled": True, "restartAttemptPeriod": RESTART_SECONDS},
        },
    )
    arn = world.run_task(definition)["taskArn"]
    yield arn
    world.client("ecs").stop_task(task=arn)
    world.wait_task(arn, "STOPPED")


@pytest.fixture(scope="module")
def instance(world, busybox):
    """A container instance beside the serverless node: some settings are for hosts that the user owns."""
    world.start_agent("ec2-containers", "ec2", "--cluster", "default")
    arn = wait_until(lambda: _instance(world), 20, "the container instance to register and connect")
    yield arn
    world.client("ecs").deregister_container_instance(containerInstance=arn, force=True)
    agent = world.agents.pop("ec2-containers")
    agent.terminate()
    agent.wait(30)
    world.purge_node("ec2-containers")


# Limits


def test_limits_are_set(world, busybox):
    script = """
        ulimit -Sn; ulimit -Hn; awk '/Max processes/ {print $3}' /proc/self/limits; ulimit -Hc
        cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax
    """
    output = _output(world, busybox, script, {
        "memory": 64, "memoryReservation": 32, "cpu": 128,
        "ulimits": [{"name": "nofile", "softLimit": 777, "hardLimit": 999}, {"name": "nproc", "softLimit": 55, "hardLimit": 66}, {"name": "core", "softLimit": 0, "hardLimit": 0}],
        "systemControls": [{"namespace": "net.core.somaxconn", "value": "321"}, {"namespace": "kernel.msgmax", "value": "4321"}],
    })
    assert output == ["777", "999", "55", "0", "321", "4321"]


def test_fargate_has_its_own_default_for_open_files(world, busybox):
    most = min(65535, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert _output(world, busybox, "ulimit -Sn; ulimit -Hn") == [str(most), str(most)]


def test_a_hard_memory_limit_ends_in_out_of_memory_and_a_soft_one_does_not(world, busybox):
    hog = "head -c 90m /dev/zero | tail -c 80m | wc -c"
    hard = _stopped(world, busybox, hog, {"memory": 24})
    assert hard["containers"][0].get("reason") is None or "OutOfMemoryError" in hard["containers"][0]["reason"]
    killed = _stopped(world, busybox, "exec tail /dev/zero", {"memory": 24})
    assert killed["containers"][0]["exitCode"] == 137
    assert killed["containers"][0]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert killed["stopCode"] == "EssentialContainerExited"
    soft = _stopped(world, busybox, hog, {"memoryReservation": 24})
    assert soft["containers"][0]["exitCode"] == 0, "what is reserved is not a limit"


# Linux parameters


def test_capabilities(world, busybox):
    docker_default = 0x00000000A80425FB
    sys_ptrace, net_raw, chown = 1 << 19, 1 << 13, 1 << 0
    script = "grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; grep NoNewPrivs /proc/self/status"
    output = _output(world, busybox, script)
    assert int(output[0].split()[1], 16) == docker_default
    assert output[1].split() == ["Seccomp:", "2"] and output[2].split() == ["NoNewPrivs:", "0"]
    output = _output(world, busybox, script, {"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_RAW", "CHOWN"]}}})
    assert int(output[0].split()[1], 16) == (docker_default | sys_ptrace) & ~net_raw & ~chown
    output = _output(world, busybox, script, {"linuxParameters": {"capabilities": {"drop": ["ALL"]}}})
    assert int(output[0].split()[1], 16) == 0
    with pytest.raises(ClientError, match="NET_ADMIN"):
        _register(world, busybox, "capability", {"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}})


def test_init_reaps_and_passes_signals_on(world, busybox):
    script = "ps -o pid,args | head -2; (sleep 0.1 &) ; sleep 0.5; ps -o stat,args | grep -c '^Z'; trap 'exit 9' TERM; echo ready; while true; do sleep 0.1; done"
    arn = _run(world, busybox, script, {"linuxParameters": {"initProcessEnabled": True}})
    wait_until(lambda: "ready" in _log(world, arn), 20, "the program to be ready")
    log = _log(world, arn)
    assert "gantry" in log[1] and log[2] == "0", log
    world.client("ecs").stop_task(task=arn)
    assert world.wait_task(arn, "STOPPED")["containers"][0]["exitCode"] == 9


def test_tmpfs_and_a_read_only_root(world, busybox):
    script = "touch /root-file; touch /scratch/file && echo written; dd if=/dev/zero of=/scratch/big bs=1M count=20 2>&1 | head -1; grep ' /scratch ' /proc/mounts; touch /etc/hosts && echo hosts"
    output = _output(world, busybox, script, {
        "readonlyRootFilesystem": True,
        "linuxParameters": {"tmpfs": [{"containerPath": "/scratch", "size": 8, "mountOptions": ["noexec", "mode=1700"]}]},
    })
    text = "\n".join(output)
    assert "/root-file: Read-only file system" in text and "written" in text
    assert "No space left on device" in text
    assert re.search(r"/scratch tmpfs rw,.*noexec.*size=8192k,mode=1700", text), text


def test_dependencies_of_every_kind(world, busybox):
    """START is met by a start, COMPLETE by any end, SUCCESS by a good one, HEALTHY by a passed check."""
    definition = _register(
        world, busybox, "conditions",
        {"name": "fails", "essential": False, "command": ["sleep 0.3; exit 3"]},
        {"name": "succeeds", "essential": False, "command": ["exit 0"], "dependsOn": [{"containerName": "fails", "condition": "COMPLETE"}]},
        {
            "name": "healthy", "essential": False, "command": ["touch /up; trap 'exit 0' TERM; while true; do sleep 0.1; done"],
            "healthCheck": {"command": ["CMD-SHELL", "test -f /up"], "interval": 5, "timeout": 2, "retries": 1},
            "dependsOn": [{"containerName": "succeeds", "condition": "SUCCESS"}],
        },
        {"name": "last", "command": ["exit 6"], "dependsOn": [{"containerName": "healthy", "condition": "HEALTHY"}, {"containerName": "healthy", "condition": "START"}]},
    )
    task = world.wait_task(world.run_task(definition)["taskArn"], "STOPPED", 60)
    codes = {container["name"]: container["exitCode"] for container in task["containers"]}
    assert codes == {"fails": 3, "succeeds": 0, "healthy": 0, "last": 6}


def test_a_dependency_that_fails_stops_the_task(world, busybox):
    definition = _register(
        world, busybox, "unmet",
        {"name": "fails", "essential": False, "command": ["exit 3"]},
        {"name": "waits", "command": ["exit 0"], "dependsOn": [{"containerName": "fails", "condition": "SUCCESS"}]},
    )
    task = world.wait_task(world.run_task(definition)["taskArn"], "STOPPED")
    containers = {container["name"]: container for container in task["containers"]}
    assert containers["fails"]["exitCode"] == 3
    assert "[fails]" in containers["waits"]["reason"] and "SUCCESS" in containers["waits"]["reason"], containers["waits"]


def test_a_start_timeout_ends_the_waiting(world, busybox):
    definition = _register(
        world, busybox, "start-timeout",
        {"name": "slow", "essential": False, "command": ["sleep 1000"], "startTimeout": 2, "stopTimeout": 2},
        {"name": "waits", "command": ["exit 0"], "dependsOn": [{"containerName": "slow", "condition": "COMPLETE"}]},
    )
    began = time.monotonic()
    task = world.wait_task(world.run_task(definition)["taskArn"], "STOPPED")
    assert 2 <= time.monotonic() - began < 15
    waits = next(container for container in task["containers"] if container["name"] == "waits")
    assert "startTimeout" in waits["reason"], waits


def test_the_images_stop_signal_is_sent(world, tmp_path):
    archive = _saved_image(tmp_path, StopSignal="SIGUSR1", Entrypoint=["/bin/sh"])
    world.gantry("image", "import", str(archive), "stopsignal:latest")
    script = "trap 'exit 21' USR1; trap 'exit 22' TERM; echo ready; while true; do sleep 0.1; done"
    arn = world.run_task(_register(world, "stopsignal:latest", "stop-signal", {"entryPoint": ["/bin/sh", "-c"], "command": [script]}))["taskArn"]
    wait_until(lambda: "ready" in _log(world, arn), 20, "the program to be ready")
    world.client("ecs").stop_task(task=arn)
    assert world.wait_task(arn, "STOPPED")["containers"][0]["exitCode"] == 21


# Files


def test_volumes_of_the_task(world, busybox):
    """Written by one, read by others: a mount point, one that is read-only, and volumesFrom."""
    definition = _register(
        world, busybox, "volumes",
        {"name": "writer", "essential": False, "command": ["echo shared > /data/file; ls -ld /data"], "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/data"}]},
        {
            "name": "reader", "essential": False, "command": ["cat /in/file; touch /in/x"], "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/in", "readOnly": True}],
            "dependsOn": [{"containerName": "writer", "condition": "SUCCESS"}],
        },
        {
            "name": "main", "command": ["cat /data/file; touch /data/x"], "volumesFrom": [{"sourceContainer": "writer", "readOnly": True}],
            "dependsOn": [{"containerName": "reader", "condition": "COMPLETE"}],
        },
        volumes=[{"name": "scratch", "host": {}}],
    )
    arn = world.run_task(definition)["taskArn"]
    world.wait_task(arn, "STOPPED")
    reader, main = _log(world, arn, "reader"), _log(world, arn, "main")
    assert sorted(reader) == ["shared", "touch: /in/x: Read-only file system"]
    assert sorted(main) == ["shared", "touch: /data/x: Read-only file system"]
    with pytest.raises(ClientError, match="sourcePath"):
        _register(world, busybox, "host-volume", {}, volumes=[{"name": "host", "host": {"sourcePath": "/tmp"}}])


def test_ephemeral_storage_has_an_end(world, busybox):
    script = "df -m / | tail -1 | awk '{print $2}'; fallocate -l 10G /own && fallocate -l 10G /vol/shared && echo fits; fallocate -l 5G /more || echo full; df -m /vol | tail -1 | awk '{print $2}'"
    task = _stopped(
        world, busybox, script, {"mountPoints": [{"sourceVolume": "scratch", "containerPath": "/vol"}]},
        volumes=[{"name": "scratch"}], ephemeralStorage={"sizeInGiB": 21},
    )
    assert task["ephemeralStorage"] == {"sizeInGiB": 21}
    log = _log(world, task["taskArn"])
    # Errors come by another pipe, so between any of the other lines.
    sizes = [int(line) for line in log if line.isdigit()]
    assert len(sizes) == 2 and sizes[0] == sizes[1] and 20_000 < sizes[0] <= 21 * 1024, log
    assert "fits" in log and "full" in log and any("No space left on device" in line for line in log), log


# What is shared


def test_processes_of_the_task(world, busybox):
    definition = _register(
        world, busybox, "pid-mode",
        {"name": "other", "essential": False, "command": ["sleep 424242"]},
        {"name": "main", "command": ["for i in 1 2 3 4 5 6 7 8 9; do ps -o args | grep -v grep | grep 'sleep 424242' && break; sleep 0.1; done; echo \"I am $$\"; kill -9 1; echo still here"], "dependsOn": [{"containerName": "other", "condition": "START"}]},
        pidMode="task",
    )
    task = world.run_task(definition)
    assert world.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]["pidMode"] == "task"
    task = world.wait_task(task["taskArn"], "STOPPED")
    log = _log(world, task["taskArn"], "main")
    assert "sleep 424242" in log[0] and "I am 1" not in log and "still here" in log, log
    alone = _output(world, busybox, "echo \"I am $$\"")
    assert alone == ["I am 1"]
    for fields in ({"pidMode": "host"}, {"ipcMode": "task"}):
        with pytest.raises(ClientError, match="Mode"):
            _register(world, busybox, "modes", {}, **fields)


def test_a_task_with_a_sandbox_survives_its_agent_and_leaves_nothing(world, busybox):
    definition = _register(world, busybox, "sandboxed", {"command": ["touch /up; trap 'exit 8' TERM; while true; do sleep 0.1; done"]}, pidMode="task", ephemeralStorage={"sizeInGiB": 25})
    arn = world.run_task(definition)["taskArn"]
    world.wait_task(arn, "RUNNING")
    task_id = arn.rsplit("/")[-1]
    assert any(task_id in line for line in _loop_files())
    world.kill_agent()
    world.start_agent()
    time.sleep(1)
    assert world.task(arn)["lastStatus"] == "RUNNING"
    wait_until(lambda: world.task(arn)["connectivity"] == "CONNECTED", 20, "the agent to be back")
    world.client("ecs").stop_task(task=arn)
    assert world.wait_task(arn, "STOPPED")["containers"][0]["exitCode"] == 8
    wait_until(lambda: not any(task_id in line for line in _loop_files()), 10, "the loop device to go")
    containers = world.data_dir("node-1") / "node/runtime/containers"
    wait_until(lambda: not any(task_id in entry for entry in os.listdir(containers)), 10, "the files to go")


# Container instances


def test_what_only_hosts_of_the_users_own_have(world, busybox, instance, tmp_path):
    (tmp_path / "given").write_text("from the host\n")
    script = """
        cat /host/given; echo back > /host/back
        df -m /dev/shm | tail -1 | awk '{print $2}'
        echo x > /dev/shm/x && echo shm
        grep -E 'NoNewPrivs' /proc/self/status
        cat /etc/hosts | grep database
        readlink /proc/self/ns/ipc
    """
    host_ipc = os.readlink("/proc/self/ns/ipc")
    definition = _register_ec2(
        world, busybox, "on-host", script,
        {
            "mountPoints": [{"sourceVolume": "host", "containerPath": "/host"}],
            "linuxParameters": {"sharedMemorySize": 32, "maxSwap": 64, "swappiness": 10},
            "dockerSecurityOptions": ["no-new-privileges"],
            "extraHosts": [{"hostname": "database", "ipAddress": "10.9.8.7"}],
        },
        networkMode="host", volumes=[{"name": "host", "host": {"sourcePath": str(tmp_path)}}],
    )
    log = _run_ec2(world, definition)
    assert log[0] == "from the host" and log[1] == "32" and "shm" in log, log
    assert any(line.split() == ["NoNewPrivs:", "1"] for line in log), log
    assert any("10.9.8.7" in line for line in log), log
    assert host_ipc not in log
    assert (tmp_path / "back").read_text() == "back\n"


def test_namespaces_of_the_host(world, busybox, instance):
    script = "readlink /proc/self/ns/ipc; readlink /proc/self/ns/pid"
    definition = _register_ec2(world, busybox, "host-namespaces", script, {}, networkMode="host", pidMode="host", ipcMode="host")
    assert _run_ec2(world, definition) == [os.readlink("/proc/self/ns/ipc"), os.readlink("/proc/self/ns/pid")]


def test_memory_is_shared_in_a_task(world, busybox, instance):
    definition = world.client("ecs").register_task_definition(
        family="ipc-task", networkMode="host", ipcMode="task", requiresCompatibilities=["EC2"],
        containerDefinitions=[
            _container(busybox, "writer", {"essential": False, "memory": 32, "command": ["echo shared > /dev/shm/x; readlink /proc/self/ns/ipc"]}),
            _container(busybox, "main", {"memory": 32, "command": ["cat /dev/shm/x; readlink /proc/self/ns/ipc"], "dependsOn": [{"containerName": "writer", "condition": "SUCCESS"}]}),
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    task = world.run_task(definition, launchType="EC2", networkConfiguration=None)
    world.wait_task(task["taskArn"], "STOPPED")
    writer, main = _log(world, task["taskArn"], "writer"), _log(world, task["taskArn"], "main")
    assert main == ["shared", writer[0]]


def test_no_network_and_a_hostname_of_its_own(world, busybox, instance):
    definition = _register_ec2(world, busybox, "no-network", "hostname; cat /etc/hostname; ls /sys/class/net", {"hostname": "lonely"}, networkMode="none")
    assert _run_ec2(world, definition) == ["lonely", "lonely", "lo"]


# The rest


def test_input_stays_open_when_interactive(world, busybox):
    assert _stopped(world, busybox, "cat; exit 3")["containers"][0]["exitCode"] == 3
    script = "(sleep 1; kill -USR1 $$) & trap 'exit 4' USR1; while read line; do :; done; exit 5"
    assert _stopped(world, busybox, script)["containers"][0]["exitCode"] == 5
    assert _stopped(world, busybox, script, {"interactive": True})["containers"][0]["exitCode"] == 4


def test_labels_are_kept(world, busybox):
    definition = _register(world, busybox, "labels", {"dockerLabels": {"team": "red"}, "command": ["sleep 1000"], "stopTimeout": 2})
    arn = world.run_task(definition)["taskArn"]
    world.wait_task(arn, "RUNNING")
    stored = json.loads(next(world.data_dir("node-1").glob(f"node/runtime/containers/{arn.rsplit('/')[-1]}-main/container.json")).read_text())
    labels = dict(stored["spec"]["labels"])
    assert labels["team"] == "red" and labels["com.amazonaws.ecs.task-arn"] == arn
    world.client("ecs").stop_task(task=arn)
    world.wait_task(arn, "STOPPED")


def test_there_is_no_way_out(world, busybox):
    """Each line is an escape that worked somewhere once; none of them may print OPEN."""
    before = (GANTRY.stat().st_size, GANTRY.stat().st_mtime_ns)
    root = os.stat("/").st_dev
    script = f"""
        echo '|/bin/x' > /proc/sys/kernel/core_pattern && echo OPEN core_pattern
        echo x > /proc/sysrq-trigger && echo OPEN sysrq
        echo x > /sys/kernel/uevent_helper && echo OPEN uevent
        mount -t tmpfs none /tmp && echo OPEN mount
        mount -t cgroup -o memory none /tmp && echo OPEN cgroup
        umount /proc/kcore && echo OPEN umount
        unshare -U true && echo OPEN userns
        unshare -m true && echo OPEN mountns
        nsenter -t 1 -m true && echo OPEN nsenter
        mknod /disk b {os.major(root)} {os.minor(root)} && head -c 1 /disk >/dev/null && echo OPEN disk
        test "$(head -c 16 /proc/kcore | wc -c)" = 0 || echo OPEN kcore
        (echo x >> /proc/1/exe) && echo OPEN exe
        exec 7< /proc/1/exe && (echo x > /proc/self/fd/7) && echo OPEN exe by descriptor
        ls /proc/1/root/work && echo OPEN root
        ls /sys/fs/cgroup/* && echo OPEN cgroups
        hostname other && echo OPEN hostname
        for fd in /proc/self/fd/*; do ls $fd/ 2>/dev/null | grep -q '^work$' && echo OPEN leaked $fd; done
        echo tried
    """
    for parameters in ({}, {"linuxParameters": {"initProcessEnabled": True, "capabilities": {"add": ["SYS_PTRACE"]}}}):
        output = _output(world, busybox, script, parameters)
        assert not [line for line in output if line.startswith("OPEN")], output
        if not parameters:
            assert "tried" in output, output
    assert (GANTRY.stat().st_size, GANTRY.stat().st_mtime_ns) == before


def test_what_is_not_built_is_refused_by_name(world, busybox):
    for container, name in [({"linuxParameters": {"devices": [{"hostPath": "/dev/null"}]}}, "devices"), ({"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/k"}]}, "environmentFiles")]:
        with pytest.raises(ClientError, match=name):
            _register(world, busybox, "refused", container)


def test_a_restart_policy_restarts_after_its_period(world, restarting):
    """Last, because it waits for what the first fixture began. The agent was killed meanwhile and took the task over."""
    def began():
        return [line for line in _log(world, restarting, "again") if line == "begun"]

    wait_until(lambda: len(began()) >= 1, 20, "the first start")
    wait_until(lambda: len(began()) >= 2, RESTART_SECONDS + 30, "the second start", every=0.5)
    task = world.task(restarting)
    containers = {container["name"]: container for container in task["containers"]}
    assert containers["again"]["lastStatus"] == "RUNNING", containers["again"]
    wait_until(lambda: _state(world, restarting, "ignored") == ("STOPPED", 7), 10, "the ignored code to be told")
    assert _state(world, restarting, "early") == ("STOPPED", 5)


# Helpers


def _container(image, name, fields):
    container = {
        "name": name, "image": image, "essential": True, "entryPoint": ["sh", "-c"],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "c", "awslogs-create-group": "true"}},
    }
    return dict(container, **fields)


def _register(world, image, family, *containers, **fields):
    rendered = [_container(image, container.get("name", "main"), container) for container in containers]
    return world.register(family, *rendered, executionRoleArn="arn:aws:iam::123456789012:role/ecsTaskExecutionRole", **fields)


def _run(world, image, script, container=None, **fields):
    definition = _register(world, image, "container", dict({"command": [script]}, **(container or {})), **fields)
    return world.run_task(definition)["taskArn"]


def _stopped(world, image, script, container=None, **fields):
    return world.wait_task(_run(world, image, script, container, **fields), "STOPPED")


def _output(world, image, script, container=None, **fields):
    """The lines that a container of this script wrote."""
    return _log(world, _stopped(world, image, script, container, **fields)["taskArn"])


def _log(world, arn, name="main"):
    stream = f"c/{name}/{arn.rsplit('/')[-1]}"
    if world.task(arn)["lastStatus"] == "STOPPED":
        return wait_until(lambda: _events(world, stream), 10, f"the log {stream}")
    return _events(world, stream)


def _events(world, stream):
    logs = world.client("logs")
    try:
        first = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
        if first:
            # What is on its way still.
            time.sleep(0.3)
            first = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
        return [event["message"] for event in first]
    except ClientError:
        return []


def _register_ec2(world, image, family, script, container, **fields):
    rendered = _container(image, "main", dict({"command": [script], "memory": 64}, **container))
    answer = world.client("ecs").register_task_definition(family=family, requiresCompatibilities=["EC2"], containerDefinitions=[rendered], **fields)
    return answer["taskDefinition"]["taskDefinitionArn"]


def _run_ec2(world, definition):
    task = world.run_task(definition, launchType="EC2", networkConfiguration=None)
    task = world.wait_task(task["taskArn"], "STOPPED")
    assert task["containers"][0].get("exitCode") == 0, task["containers"]
    return _log(world, task["taskArn"])


def _instance(world):
    ecs = world.client("ecs")
    arns = ecs.list_container_instances()["containerInstanceArns"]
    if not arns:
        return None
    for shown in ecs.describe_container_instances(containerInstances=arns)["containerInstances"]:
        if shown["agentConnected"] and shown["status"] == "ACTIVE":
            return shown["containerInstanceArn"]
    return None


def _state(world, arn, name):
    container = next(container for container in world.task(arn)["containers"] if container["name"] == name)
    return container["lastStatus"], container.get("exitCode")


def _saved_image(directory, **config):
    """An archive as `docker save` makes it, of a busybox shell and this configuration."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add("/bin/busybox", "bin/sh")
        tar.add("/bin/busybox", "bin/sleep")
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    image = {"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux", "config": config, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}
    manifest = [{"Config": "config.json", "RepoTags": ["saved:latest"], "Layers": ["layer.tar"]}]
    path = directory / "image.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in [("layer.tar", layer.getvalue()), ("config.json", json.dumps(image).encode()), ("manifest.json", json.dumps(manifest).encode())]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def _loop_files():
    return [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
