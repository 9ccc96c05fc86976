#!/usr/bin/env python3
"""front.py CERTIFICATE PORTFILE COMMAND...

A front of UCSPI-TLS on a port of its own choice: it runs the command for each
connection, on the socket, and starts TLS when it is told to.
"""

import os
import select
import socket
import ssl
import subprocess
import sys


def pump(inside, from_server, to_server):
	"""Octets from one side to the other, until one of them closes."""
	while True:
		ready = [inside] if inside.pending() else select.select([inside, from_server], [], [])[0]
		if from_server in ready:
			octets = os.read(from_server, 65536)
			if not octets:
				return
			inside.sendall(octets)
		if inside in ready:
			octets = inside.recv(65536)
			if not octets:
				return
			os.write(to_server, octets)


def serve(context, connection, command):
	control, server_control = socket.socketpair()
	server_in, to_server = os.pipe()
	from_server, server_out = os.pipe()
	given = (server_control.fileno(), server_in, server_out)
	environment = dict(os.environ, SSLCTLFD=str(given[0]), SSLREADFD=str(given[1]),
		SSLWRITEFD=str(given[2]), TCPREMOTEIP=os.environ.get("PEER", "127.0.0.1"))
	with subprocess.Popen(command, stdin=connection, stdout=connection, env=environment,
			pass_fds=given):
		server_control.close()
		os.close(server_in)
		os.close(server_out)
		if control.recv(1) == b"y":
			connection.settimeout(5)
			with context.wrap_socket(connection, server_side=True) as inside:
				inside.settimeout(None)
				pump(inside, from_server, to_server)
		connection.close()
		os.close(to_server)


def main():
	certificate, port_file, command = sys.argv[1], sys.argv[2], sys.argv[3:]
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.load_cert_chain(certificate)
	with socket.create_server(("127.0.0.1", 0)) as listener:
		with open(port_file + ".new", "w", encoding="ascii") as file:
			file.write(f"{listener.getsockname()[1]}\n")
		os.rename(port_file + ".new", port_file)
		while True:
			connection = listener.accept()[0]
			if os.fork() == 0:
				listener.close()
				serve(context, connection, command)
				os._exit(0)
			connection.close()


main()
