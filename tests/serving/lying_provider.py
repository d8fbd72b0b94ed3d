"""An identity provider that says whatever a test has it say, in tokens that are signed for real."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT = "desk"


class Liar:
    def __init__(self):
        self.key = rsa.generate_private_key(65_537, 2_048)
        self.issuer = ""
        self.public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True) | {"kid": "one"}
        self.token = b"{}"
        self.says = {}
        self.bodies = {}
        self.asked = []

    def answers(self, claims, key=None, algorithm="RS256", kid="one", **more):
        """From now on it gives this token for any code."""
        now = int(time.time())
        whole = {"iss": self.issuer, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 60}
        whole = {name: told for name, told in (whole | claims).items() if told is not None}
        token = jwt.encode(whole, key or self.key, algorithm, headers={"kid": kid})
        self.token = msgspec.json.encode({"id_token": token, "access_token": "a"} | more)

    def told(self, path):
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/go",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        if path in self.bodies:
            return self.bodies[path]
        return {
            "/.well-known/openid-configuration": lambda: msgspec.json.encode(said | self.says),
            "/keys": lambda: msgspec.json.encode({"keys": [self.public]}),
            "/token": lambda: self.token,
        }[path]()


@contextmanager
def lying():
    liar = Liar()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size).decode()
            liar.asked.append((self.path, self.headers.get("Authorization", ""), body))
            told = liar.told(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_POST = do_GET

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    liar.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
