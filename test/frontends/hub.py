"""JupyterHub with one user, ada, and her server."""

import contextlib

import requests
from common import free_port, wait_for
from machine import answers

TOKEN = "sesame-service"


@contextlib.contextmanager
def hub_server(machine, place, settings):
    """Run a hub with these settings in addition, its files in a place; yields the address of ada's server."""
    hub, proxy, single = free_port(), free_port(), free_port()
    config = place / "jupyterhub_config.py"
    config.write_text(f"""
c.JupyterHub.bind_url = "http://127.0.0.1:{proxy}"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {str(machine.home)!r}
c.Spawner.notebook_dir = {str(machine.course)!r}
c.Spawner.port = {single}
c.JupyterHub.services = [{{"name": "test", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [{{"name": "test", "services": ["test"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}]
c.JupyterHub.db_url = "sqlite:///{place}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{place}/cookie"
c.Spawner.args = []
{settings}
c.Spawner.args += ["--allow-root"]
""")
    url = f"http://127.0.0.1:{proxy}"
    admin = {"Authorization": f"token {TOKEN}"}
    with machine.running(
        "jupyterhub", "-f", config, ready=lambda: answers(f"{url}/hub/api"), log=place / "hub.log", cwd=place,
        env={"CONFIGPROXY_AUTH_TOKEN": "sesame"},
    ):
        requests.post(f"{url}/hub/api/users/ada", headers=admin).raise_for_status()
        requests.post(f"{url}/hub/api/users/ada/server", headers=admin).raise_for_status()

        def ready():
            user = requests.get(f"{url}/hub/api/users/ada", headers=admin).json()
            return user["servers"].get("", {}).get("ready")

        assert wait_for(ready, 60), "the single-user server isn't ready"
        yield f"http://127.0.0.1:{single}/user/ada"
