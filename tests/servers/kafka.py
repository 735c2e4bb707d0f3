# SPDX-License-Identifier: Apache-2.0
"""Throw-away Kafka brokers for tests.

    with KafkaServer() as kafka:
        kafka.admin.create_topic("orders", partitions=3)
        millrace("--set", f"bootstrap.servers={kafka.bootstrap}")

Each broker is a process with a data folder and ports of its own, listens on 127.0.0.1, and goes away with its folder when
the `with` block ends, or when the test program dies. The first of a cluster is its controller, too; others join it:

    with KafkaServer(REPLICATED) as first, KafkaServer(REPLICATED, joins=first) as second:
        first.admin.create_topic("orders", replication=2, config={"min.insync.replicas": 2})
        second.kill()

It starts in some 3 seconds: one for the tests of a file is better than one each. The jars come from tests/servers/fetch.
"""

import base64
import functools
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from certificates import Certificates

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("MILLRACE_DEPS") or REPOSITORY / ".deps")
sys.path.append(str(DEPS / "servers" / "python"))  # confluent_kafka

PROPERTIES = {
    "offsets.topic.num.partitions": 5,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 5,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": "false",
    # One log of a thousand partitions must fit into the memory and the disk of a test machine.
    "log.cleaner.dedupe.buffer.size": 8388608,
    "log.cleaner.threads": 1,
    "log.segment.bytes": 67108864,
    "log.index.size.max.bytes": 1048576,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    # What was killed may register again when its session has ended: 9 s by default.
    "broker.session.timeout.ms": 4000,
    "broker.heartbeat.interval.ms": 1000,
}
# For clusters of two that must outlive one of them.
REPLICATED = {
    "offsets.topic.replication.factor": 2,
    "transaction.state.log.replication.factor": 2,
    "default.replication.factor": 2,
    "replica.lag.time.max.ms": 3000,
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
}
# An authorizer to whom everybody on the plain listener is a super user; users of the SASL_SSL listener may do what
# admin.allow() says.
AUTHORIZED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}
# Brokers of tests live for seconds: what the second compiler would win, its work costs twice.
SMALL = ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# What the scripts of Kafka's own distribution give to Java.
STOCK_COLLECTOR = ("-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
                   "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true")
STOCK_BROKER = ("-Xms1G", "-Xmx1G", *STOCK_COLLECTOR)
STOCK_CONNECT = ("-Xms256M", "-Xmx2G", *STOCK_COLLECTOR)
LOGGING = """rootLogger.level = WARN
rootLogger.appenderRef.c.ref = C
appender.c.type = Console
appender.c.name = C
appender.c.target = SYSTEM_OUT
appender.c.layout.type = PatternLayout
appender.c.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
logger.started.name = kafka.server.KafkaRaftServer
logger.started.level = INFO
"""
STARTED = b"Kafka Server started"


class KafkaError(RuntimeError):
    """A broker or one of its tools failed; the text ends with what it printed."""


def free_ports(count):
    """Ports that nobody listens on, below those that the kernel gives to clients: a client that knocks at the port of a
    broker that is away could otherwise be given that very port and be connected with itself."""
    first_of_clients = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    held = []
    try:
        while len(held) < count:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", random.randrange(15000, max(first_of_clients, 16000))))
                held.append(probe)
            except OSError:
                probe.close()
        return [probe.getsockname()[1] for probe in held]
    finally:
        for probe in held:
            probe.close()


def home():
    """The folder of the jars; fetches them when they are absent."""
    folder = DEPS / "servers" / "kafka"
    if not any(folder.glob("kafka-clients-*.jar")) or not (DEPS / "servers" / "python" / "confluent_kafka").exists():
        subprocess.run([REPOSITORY / "tests/servers/fetch", "kafka"], check=True)
    return folder.resolve()


def java():
    return os.path.join(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else "java"


class JavaProcess:
    """A server in a Java of its own: its folder, its log, its life. `command()` is what runs, `is_ready()` when it is."""

    def __init__(self, name):
        self.home = home()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"mr{name}", dir=os.environ.get("MILLRACE_TEST_TMP", "/tmp")))
        self.log_file = self.folder / "log"
        self.logging = self.folder / "log4j2.properties"
        self.logging.write_text(LOGGING)
        self.process = None
        self._frozen = False

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    def start(self, timeout=300):
        """Starts it; returns when it is ready."""
        assert self.process is None, "already started"
        self.prepare()
        # A test that dies, however it dies, takes its server along. The kernel minds the thread that starts the server, so
        # start servers in a thread that lives as long.
        with open(self.log_file, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(["setpriv", "--pdeathsig=KILL", *map(str, self.command())], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        self._frozen = False
        deadline = time.monotonic() + timeout
        while not self.is_ready(begin):
            if self.process.poll() is not None:
                self.process = None
                raise KafkaError(f"it did not start; its log:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise KafkaError(f"it was not ready after {timeout} s; its log:\n{self.log_tail()}")
            time.sleep(0.05)
        return self

    def stop(self, timeout=60):
        """A clean stop: leadership is handed over, logs are closed."""
        if self.process is None:
            return
        self.thaw()
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise KafkaError(f"it took more than {timeout} s to stop; its log:\n{self.log_tail()}") from None
        self.process = None

    def kill(self):
        """SIGKILL."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None

    def freeze(self):
        """SIGSTOP: its sockets stay open, and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self):
        """SIGCONT."""
        if self._frozen:
            self.process.send_signal(signal.SIGCONT)
            self._frozen = False

    def restart(self, mode="stop"):
        """Ends it ("stop" or "kill") and starts it again on the same data and ports."""
        self.kill() if mode == "kill" else self.stop()
        return self.start()

    def revive(self):
        """Whatever happened to it, it runs."""
        self.thaw()
        if not self.running:
            self.kill()
            self.start()

    def remove(self):
        """Ends it and deletes its folder."""
        self.kill()
        if os.environ.get("MILLRACE_KEEP_SERVERS"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def log_tail(self, lines=30):
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:]) if self.log_file.exists() else ""

    def java_command(self, main_class, *options):
        return [java(), *options, "-Xshare:auto", f"-Dlog4j2.configurationFile={self.logging}", "-cp",
                f"{self.home}/*", main_class]

    def tool(self, main_class, *arguments, timeout=300):
        """Runs one of Kafka's command-line tools, such as kafka.admin.ConfigCommand, and returns what it prints: 1.3 s each."""
        command = [*self.java_command(main_class, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"), *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise KafkaError(f"{main_class} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout


class KafkaServer(JavaProcess):
    """A broker, started by `with` or start().

    properties  lines for server.properties, over those above; REPLICATED and AUTHORIZED can be joined by |
    joins       a running broker that is its own controller: this one joins its cluster
    sasl        True for a second listener: SASL_SSL with SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN; see `certificates`
    users       names and passwords for it
    oidc        an OidcProvider for a listener of SASL_PLAINTEXT with OAUTHBEARER, which takes its tokens
    jvm         options for Java
    disk_mib    the data is on a file system of this size, which can be full; needs root
    """

    def __init__(self, properties=None, *, joins=None, sasl=False, users=None, oidc=None, jvm=SMALL, disk_mib=None):
        super().__init__("kf")
        self.joins = joins
        self.jvm = jvm
        self.users = {"app": "app-secret"} if users is None else users
        self.node_id = 1 if joins is None else joins.take_node_id()
        self._last_node_id = 1
        self.oidc = oidc
        self.port, self.controller_port, self.sasl_port, self.oidc_port = free_ports(4)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.sasl_bootstrap = f"127.0.0.1:{self.sasl_port}" if sasl else None
        self.oidc_bootstrap = f"127.0.0.1:{self.oidc_port}" if oidc else None
        self.data = self.folder / "data"
        self.data.mkdir()
        self.disk_mib = disk_mib
        if disk_mib:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_mib}m", "tmpfs", self.data], check=True)
        self.certificates = Certificates(self.folder / "tls") if sasl else None
        self.properties = PROPERTIES | self._own_properties() | (properties or {})

    def remove(self):
        self.kill()
        if self.disk_mib:
            subprocess.run(["umount", "-l", self.data], check=False)
        super().remove()

    # Clients

    def client(self, more=None):
        """Properties for a client of librdkafka on the plain listener."""
        return {"bootstrap.servers": self.bootstrap} | (more or {})

    def sasl_client(self, mechanism="SCRAM-SHA-512", user="app", password="app-secret", more=None):
        """The same for the SASL_SSL listener."""
        return self.client(more) | {
            "bootstrap.servers": self.sasl_bootstrap, "security.protocol": "SASL_SSL", "sasl.mechanism": mechanism,
            "sasl.username": user, "sasl.password": password, "ssl.ca.location": self.certificates.ca}

    def oidc_client(self, user="app", password="app-secret", more=None):
        """The same for the listener with OAUTHBEARER."""
        return self.client(more) | {
            "bootstrap.servers": self.oidc_bootstrap, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.token.endpoint.url": self.oidc.token_url,
            "sasl.oauthbearer.client.id": user, "sasl.oauthbearer.client.secret": password}

    @functools.cached_property
    def admin(self):
        """A KafkaAdmin on the plain listener."""
        from kafka_admin import KafkaAdmin
        return KafkaAdmin(self.client())

    def configure(self, properties):
        """Changes server.properties; restart() makes it so."""
        self.properties |= properties

    # What JavaProcess asks

    def command(self):
        allowed = [f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.oidc.keys_url}"] if self.oidc else []
        return [*self.java_command("kafka.Kafka", *self.jvm, *allowed), self._properties_file()]

    def is_ready(self, begin):
        with open(self.log_file, "rb") as log:
            log.seek(begin)
            return STARTED in log.read()

    def prepare(self):
        """Writes server.properties, and formats a new data folder."""
        self._properties_file().write_text("".join(f"{name}={value}\n" for name, value in self.properties.items()))
        if (self.data / "log" / "meta.properties").exists():
            return
        if self.joins:
            words = [f"--cluster-id={self.joins.cluster_id()}", "--no-initial-controllers"]
        else:
            cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
            words = [f"--cluster-id={cluster}", "--standalone"]  # in one word: it may begin with "-"
            for name, password in self.users.items() if self.sasl_bootstrap else ():
                for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                    words += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
        self.tool("kafka.tools.StorageTool", "format", "-c", self._properties_file(), *words)

    def cluster_id(self):
        lines = (self.data / "log" / "meta.properties").read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))

    def take_node_id(self):
        self._last_node_id += 1
        return self._last_node_id

    def _properties_file(self):
        return self.folder / "server.properties"

    def _own_properties(self):
        controller = self.joins or self
        own = {
            "process.roles": "broker" if self.joins else "broker,controller",
            "node.id": self.node_id,
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller.controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,OIDC:SASL_PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.data / "log",
        }
        if self.sasl_bootstrap:
            own["listeners"] += f",SASL_SSL://{self.sasl_bootstrap}"
            own |= self._sasl_properties()
        if self.oidc:
            own["listeners"] += f",OIDC://{self.oidc_bootstrap}"
            own |= self._oidc_properties()
        own["advertised.listeners"] = own["listeners"]
        if not self.joins:
            own["listeners"] += f",CONTROLLER://127.0.0.1:{self.controller_port}"
        return own

    def _sasl_properties(self):
        tls = self.certificates
        keystore = self.folder / "tls" / "server.pem"
        keystore.write_text("".join(pathlib.Path(part).read_text() for part in (tls.server_key, tls.server_cert, tls.ca)))
        login = "org.apache.kafka.common.security"
        plain = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        return {
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": keystore,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": tls.ca,
            "ssl.client.auth": "none",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{login}.plain.PlainLoginModule required {plain};",
        }

    def _oidc_properties(self):
        oauth = "org.apache.kafka.common.security.oauthbearer"
        return {
            "listener.name.oidc.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.oidc.oauthbearer.sasl.jaas.config": f"{oauth}.OAuthBearerLoginModule required;",
            "listener.name.oidc.oauthbearer.sasl.server.callback.handler.class": f"{oauth}.OAuthBearerValidatorCallbackHandler",
            "sasl.oauthbearer.jwks.endpoint.url": self.oidc.keys_url,
            "sasl.oauthbearer.expected.audience": "kafka",
            "sasl.oauthbearer.expected.issuer": self.oidc.url,
        }
