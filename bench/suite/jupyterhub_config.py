"""JupyterHub as its documentation says for a Swarm, with the image that Berth runs. Read by JupyterHub itself."""

import os

import bcrypt

c = get_config()  # noqa: F821  pylint: disable=undefined-variable

c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "dockerspawner.SwarmSpawner"
c.JupyterHub.proxy_class = "traefik_file"
c.TraefikProxy.traefik_log_level = "ERROR"
c.TraefikProxy.traefik_api_url = "http://127.0.0.1:8099"  # "localhost" may mean ::1, which the container has not
# The hash that it takes by default costs a quarter of a second of a processor at every question about a route.
c.TraefikProxy.traefik_api_password = os.environ["BENCH_TOKEN"]
c.TraefikProxy.traefik_api_hashed_password = bcrypt.hashpw(os.environ["BENCH_TOKEN"].encode(), bcrypt.gensalt(4)).decode()
# Its defaults let 100 start at once; said here so that a change of the default can't slow it.
c.JupyterHub.concurrent_spawn_limit = 100
c.JupyterHub.services = [{"name": "bench", "api_token": os.environ["BENCH_TOKEN"]}]
c.JupyterHub.load_roles = [{"name": "bench", "services": ["bench"],
                            "scopes": ["admin:users", "admin:servers", "servers", "proxy"]}]

c.SwarmSpawner.image = os.environ["BENCH_IMAGE"]
c.SwarmSpawner.network_name = os.environ["BENCH_NETWORK"]
c.SwarmSpawner.use_internal_ip = True
c.SwarmSpawner.port = 8080
c.SwarmSpawner.prefix = "berth-bench-hub"
c.SwarmSpawner.extra_endpoint_spec = {"mode": "dnsrr"}
c.SwarmSpawner.extra_create_kwargs = {"labels": {"dev.berth.bench": "1"}}
c.SwarmSpawner.cpu_limit = float(os.environ["BENCH_CPUS"])
c.SwarmSpawner.mem_limit = int(os.environ["BENCH_MEMORY"])
c.SwarmSpawner.start_timeout = 180
c.SwarmSpawner.http_timeout = 120
