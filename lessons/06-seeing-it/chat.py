"""The socket calls of the chat, in Python: each is printed before it is made.

The recording of this (python.json) is what the table (table.md) is drawn from, and what the claims of predict.toml are
held against.
"""

import os
import socket
import sys

host, port = "127.0.0.1", 12345

SERVER = [
    "serv_sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "serv_sock.bind((host, port))",
    "serv_sock.listen(10)",
    "clnt_sock, addr = serv_sock.accept()",
    "data = clnt_sock.recv(1024)",
    "clnt_sock.send(b'hello')",
    "data = clnt_sock.recv(1024)",
    "clnt_sock.close()",
    "serv_sock.close()",
]
CLIENT = [
    "sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "sock.connect((host, port))",
    "sock.send(b'hi')",
    "answer = sock.recv(1024)",
    "sock.close()",
]

for call in SERVER if sys.argv[1] == "server" else CLIENT:
    os.write(1, f"{call}\n".encode())
    exec(call)
