"""A network with two hosts, a server of files for both, and HAProxy in front.
Each is a set of namespaces: it has processes, mounts, a name and an address."""

import os
import poplib
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "update"))
from harness import HASH, PASSWORD, STDPOP3D  # pylint: disable=wrong-import-position

ADDRESSES = {"store": "192.0.2.1", "one": "192.0.2.2", "two": "192.0.2.3"}
FRONTS = {"both": 1110, "one": 1111, "two": 1112}
UID = 20001
# Nothing may be remembered of a file that the other host changes, see README.
VOLUME = (("group", "db-workload"), ("features.ctime", "off"), ("client.strict-locks", "on"))
MOUNT = ("direct-io-mode=enable", "attribute-timeout=0", "entry-timeout=0")


def enter_world():
	"""The rest of this process's life is in namespaces that end with it."""
	if os.environ.get("HOSTS_WORLD") != "yes":
		os.environ["HOSTS_WORLD"] = "yes"
		os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
			"--mount-proc", sys.executable, *sys.argv])


def eventually(what, condition, seconds=100):
	deadline = time.monotonic() + seconds
	while not condition():
		if time.monotonic() > deadline:
			raise TimeoutError(what)
		time.sleep(0.02)


def run(*command):
	done = subprocess.run(command, check=False, timeout=120, stdin=subprocess.DEVNULL,
		stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
	if done.returncode != 0:
		raise RuntimeError(f"{' '.join(command)}: {done.stdout}")
	return done.stdout


class Machine:
	"""One of the three, from its start until it is killed."""

	def __init__(self, name, folder, *command):
		self.name = name
		self.folder = os.path.join(folder, name)
		self.log = os.path.join(folder, name + ".log")
		os.makedirs(self.folder, exist_ok=True)
		card = "to-" + name
		eventually("an old card goes", lambda: not os.path.exists("/sys/class/net/" + card))
		with open(os.path.join(folder, name + ".out"), "ab") as out:
			self.process = subprocess.Popen(["unshare", "--net", "--mount", "--uts", "--pid",
				"--fork", "--kill-child", "--mount-proc", os.path.join(HERE, "host"), name,
				self.folder, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
		eventually(name + " starts", self.first_process)
		# Its neighbours shall know it again after a reboot.
		run("ip", "link", "add", card, "type", "veth", "peer", "name", "eth0", "address",
			"02:00:00:00:00:" + ADDRESSES[name][-1].zfill(2), "netns", self.first_process())
		run("ip", "link", "set", card, "master", "switch", "up")

	def first_process(self):
		pid = self.process.pid
		with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
			children = file.read().split()
		if not children or os.readlink(f"/proc/{children[0]}/ns/net") == \
				os.readlink("/proc/self/ns/net"):
			return None
		return children[0]

	def inside(self, *command):
		return ["nsenter", "-t", self.first_process(), "-n", "-m", "-u", "-p", "--", *command]

	def run(self, *command):
		return run(*self.inside(*command))

	def start(self, *command, **where):
		return subprocess.Popen(self.inside(*command), **where)

	def kill(self):
		"""As if its power was cut, but that its connections are closed."""
		first = int(self.first_process())
		self.process.kill()
		self.process.wait()
		# This process is the first of its own namespace, so it inherits that one.
		os.waitpid(first, 0)


class World:
	def __init__(self, folder, volume=VOLUME, mount=MOUNT, options=()):
		self.folder = folder
		self.mount = mount
		self.mail = os.path.join(folder, "mail")
		self.spool = os.path.join(self.mail, "spool")
		self.state = os.path.join(self.mail, "state")
		self.options = options
		self.hosts = {}
		os.makedirs(self.mail)
		run("ip", "link", "set", "lo", "up")
		# Namespaces of the network show only in a /sys of their own.
		run("mount", "-t", "sysfs", "sysfs", "/sys")
		# Else it takes another address when a host comes or goes.
		run("ip", "link", "add", "switch", "address", "02:00:00:00:00:fe", "type", "bridge")
		run("ip", "address", "add", "192.0.2.254/24", "dev", "switch")
		run("ip", "link", "set", "switch", "up")
		self.store = Machine("store", folder, "glusterd")
		brick = os.path.join(self.store.folder, "brick")
		eventually("glusterd answers", self.glusterd_answers)
		self.gluster("volume", "create", "mail", ADDRESSES["store"] + ":" + brick, "force")
		for option in volume:
			self.gluster("volume", "set", "mail", *option)
		self.gluster("volume", "start", "mail")

	def gluster(self, *command):
		return self.store.run("gluster", "--mode=script", *command)

	def glusterd_answers(self):
		return subprocess.run(self.store.inside("gluster", "volume", "list"), check=False,
			timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

	def add_users(self, users):
		with open(os.path.join(self.folder, "passwd"), "w", encoding="ascii") as file:
			file.writelines(f"{user}:x:{UID}:{UID}::/:/bin/sh\n" for user in users)
		with open(os.path.join(self.folder, "shadow"), "w", encoding="ascii") as file:
			file.writelines(f"{user}:{HASH}:19000:0:99999:7:::\n" for user in users)

	def server(self, *options):
		return [STDPOP3D, "-e", "-m", self.spool, "-d", self.state, "-u", "nobody", "-U", "1",
			"-p", os.path.join(self.folder, "passwd"), "-s", os.path.join(self.folder, "shadow"),
			*self.options, *options]

	def boot(self, name):
		"""A host with the mail mounted, which serves POP3 behind a PROXY header."""
		host = Machine(name, self.folder)
		self.hosts[name] = host
		def mounts():
			return subprocess.run(host.inside("mount", "-t", "glusterfs", "-o",
				",".join(("log-level=WARNING",) + tuple(self.mount)), ADDRESSES["store"] + ":/mail",
				self.mail), check=False, timeout=60, stdout=subprocess.DEVNULL,
				stderr=subprocess.DEVNULL).returncode == 0
		eventually(name + " mounts the mail", mounts)
		with open(host.log, "ab") as log:
			host.start("tcpserver", "-HR", "-l", "0", "0", "110", *self.server("-x", "-t"),
				stdin=subprocess.DEVNULL, stdout=log, stderr=log)
		eventually(name + " listens", lambda: ":006E " in host.run("cat", "/proc/net/tcp"))
		return host

	def make_spool(self):
		host = self.hosts["two"]
		host.run("install", "-d", "-m", "2775", "-g", "mail", self.spool)
		host.run("install", "-d", "-m", "700", "-o", "nobody", self.state)

	def start_haproxy(self):
		path = os.path.join(self.folder, "haproxy.cfg")
		with open(path, "w", encoding="ascii") as file:
			file.write("defaults\n mode tcp\n timeout connect 1s\n timeout client 60s\n"
				" timeout server 60s\n balance roundrobin\n retries 3\n option redispatch 1\n")
			for front, port in FRONTS.items():
				file.write(f"listen {front}\n bind 127.0.0.1:{port}\n")
				for name in ("one", "two"):
					if front in ("both", name):
						file.write(f" server {name} {ADDRESSES[name]}:110 send-proxy-v2\n")
		with open(os.path.join(self.folder, "haproxy.out"), "wb") as out:
			subprocess.Popen(["haproxy", "-db", "-f", path], stdin=subprocess.DEVNULL, stdout=out,
				stderr=out)
		def listens():
			with open("/proc/net/tcp", encoding="ascii") as file:
				return f"0100007F:{FRONTS['two']:04X} 00000000:0000 0A" in file.read()
		eventually("HAProxy listens", listens)


def login(user, front="both", patience=60):
	"""A session; raises poplib.error_proto if it is refused."""
	deadline = time.monotonic() + patience
	while True:
		client = poplib.POP3("127.0.0.1", FRONTS[front], timeout=60)
		client.user(user)
		try:
			client.pass_(PASSWORD)
			return client
		except poplib.error_proto as error:
			client.close()
			# FUSE reports the last close, which frees a lock, after close(2) has returned.
			if b"[IN-USE]" not in error.args[0] or time.monotonic() > deadline:
				raise
		time.sleep(0.1)
