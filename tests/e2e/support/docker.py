"""The Docker CLI against the engine of the install under test."""

import json
import subprocess


class DockerError(Exception):
    pass


class Docker:
    def __init__(self, host):
        self.host = host

    def run(self, *args, timeout=30, stdin=None):
        done = subprocess.run(["docker", "-H", self.host, *args], capture_output=True, timeout=timeout,
                              input=stdin if stdin is not None else b"")
        if done.returncode != 0:
            raise DockerError(f"docker {' '.join(args)}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace").strip()

    def lines(self, *args, **kwargs):
        return [line for line in self.run(*args, **kwargs).splitlines() if line]

    def inspect(self, kind, name):
        return json.loads(self.run(kind, "inspect", name))[0]

    def exists(self, kind, name):
        try:
            self.run(kind, "inspect", name)
            return True
        except DockerError:
            return False

    def services(self, **labels):
        filters = [f"--filter=label={k}={v}" for k, v in labels.items()]
        return self.lines("service", "ls", "--format={{.Name}}", *filters)

    def service_containers(self, service, running=True):
        """Ids of a service's containers on this engine."""
        return self.lines("ps", "-q", *([] if running else ["-a"]), "--no-trunc",
                          f"--filter=label=com.docker.swarm.service.name={service}")

    def logs(self, container):
        """Everything that it said, on both streams."""
        done = subprocess.run(["docker", "-H", self.host, "logs", container], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30, check=True)
        return done.stdout.decode(errors="replace")

    def kill_service(self, service):
        """kill -9 of a service's process. Returns the ids of what was killed."""
        found = self.service_containers(service)
        for container in found:
            self.run("kill", "--signal=KILL", container)
        return found

    def workspace_containers(self, workspace, running=True):
        return self.lines("ps", "-q", *([] if running else ["-a"]), "--no-trunc",
                          f"--filter=label=dev.berth.name={workspace}")

    def leftovers(self, workspace):
        """Everything that still exists of a workspace in this engine."""
        found = [f"service {name}" for name in self.lines("service", "ls", "--format={{.Name}}")
                 if name == f"ws-{workspace}"]
        found += [f"container {name}" for name in self.workspace_containers(workspace, running=False)]
        found += [f"volume {name}" for name in self.lines("volume", "ls", "-q")
                  if name in (f"berth-ws-{workspace}", f"berth-run-{workspace}")]
        return found

    def shell(self, container, script, user=None, timeout=30):
        options = ["--user", user] if user else []
        return self.run("exec", *options, container, "sh", "-c", script, timeout=timeout)
