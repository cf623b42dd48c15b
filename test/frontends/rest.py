"""A client of a Jupyter server's REST and websocket interface, as people write one."""

import json
import uuid

import requests
import websocket


class Kernel:
    """A kernel that a server has started."""

    def __init__(self, url, name, token=None, env=None):
        self.headers = {"Authorization": f"token {token}"} if token else {}
        # Without a path the kernel would work where the server was started.
        body = {"name": name, "path": "", **({"env": env} if env else {})}
        self.server = url
        started = self.ask("post", "/api/kernels", json=body)
        self.id = started["id"]
        self.url = f"/api/kernels/{self.id}"
        self.socket = self.connect()

    def ask(self, method, path, **options):
        answer = requests.request(method, self.server + path, headers=self.headers, timeout=60, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def connect(self):
        url = self.server.replace("http", "ws", 1) + self.url + "/channels"
        return websocket.create_connection(url, header=self.headers, timeout=30)

    def send(self, code):
        """Ask the kernel to run code; returns the request's id."""
        message_id = uuid.uuid4().hex
        header = {"msg_id": message_id, "msg_type": "execute_request", "username": "", "session": "rest", "version": "5.3"}
        # With stop_on_error a kernel drops what comes soon after an interrupt.
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": False}
        self.socket.send(
            json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []})
        )
        return message_id

    def until(self, message_id, kind):
        """The output of the request up to a message of the kind, and that message's content."""
        text = ""
        while True:
            message = json.loads(self.socket.recv())
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if message["msg_type"] == "stream":
                text += message["content"]["text"]
            if message["msg_type"] == kind:
                return text, message["content"]

    def run(self, code):
        """What the code prints, and the name of the error if there is one."""
        request, text, error, idle = self.send(code), "", None, False
        # The reply and the output take different ways, so either may come first.
        while error is None or not idle:
            message = json.loads(self.socket.recv())
            content = message["content"]
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "stream":
                text += content["text"]
            elif message["msg_type"] == "execute_reply":
                error = content.get("ename", "")
            elif message["msg_type"] == "status":
                idle = content["execution_state"] == "idle"
        return text + error

    def interrupt(self):
        self.ask("post", f"{self.url}/interrupt")

    def restart(self):
        self.ask("post", f"{self.url}/restart")
        self.socket.close()
        self.socket = self.connect()

    def shut_down(self):
        self.socket.close()
        self.ask("delete", self.url)
