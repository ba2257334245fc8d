"""Gives the host a name, and becomes the command that follows: to be run in a UTS namespace."""

from __future__ import annotations

import os
import socket
import sys

name, *command = sys.argv[1:]
socket.sethostname(name)
os.execvp(command[0], command)
