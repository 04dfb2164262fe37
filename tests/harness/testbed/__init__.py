"""A small world for tests and the demo: network namespaces, certificates, nginx targets, captures and an agent of its own.

Everything is made below one temporary directory and one network namespace that plays the node, so that nothing of the
machine itself is changed, and everything is gone when the testbed closes - also after Ctrl-C or a failure.
"""
from .agent import Agent
from .bed import Testbed
from .capture import Capture
from .certificates import Certificates
from .network import Namespace, Network
from .targets import Nginx, ScriptedServer, TextServer

__all__ = ["Agent", "Capture", "Certificates", "Namespace", "Network", "Nginx", "ScriptedServer", "Testbed", "TextServer"]
