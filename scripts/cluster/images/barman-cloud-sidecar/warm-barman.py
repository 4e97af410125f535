#!/usr/bin/python3 -IS
"""Barman's commands for the WAL, run by a process that has loaded them already: a promotion asks for many, and on two
busy cores the loading is most of it. A call that finds no such process starts one, and runs in the ordinary way.
"""
import os
import socket
import sys

COMMANDS = {
    "barman-cloud-wal-restore": "barman.clients.cloud_walrestore",
    "barman-cloud-wal-archive": "barman.clients.cloud_walarchive",
}
# Abstract: gone with the process, whatever ended it.
ADDRESS = "\0warm-barman"
LENGTH = 4


def ask(name):
    """The command's exit code, or None where nothing answers."""
    import marshal

    request = marshal.dumps((name, sys.argv[1:], dict(os.environ), os.getcwd()))
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(ADDRESS)
            socket.send_fds(server, [len(request).to_bytes(LENGTH, "big")], [0, 1, 2])
            server.sendall(request)
            answer = server.recv(1)
        except OSError:
            return None
        return answer[0] if answer else None


def start():
    if os.fork() == 0:
        os.setsid()
        # Whoever called waits until nobody holds its output any more.
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.execv("/usr/bin/python3", ["python3", "-I", os.path.realpath(__file__)])


def serve():
    import importlib
    import marshal
    import signal

    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.bind(ADDRESS)
        except OSError:
            return  # Another was first.
        loaded = {name: importlib.import_module(module) for name, module in COMMANDS.items()}
        load_models()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        server.listen()
        while True:
            caller, _ = server.accept()
            if os.fork() == 0:
                server.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(caller, loaded, marshal.loads)
            caller.close()


def load_models():
    """What an S3 client is made from, 0.1 s of reading JSON for each, is read once and shared."""
    import boto3
    import botocore.loaders
    import botocore.session

    loader = botocore.loaders.create_loader()
    botocore.session.create_loader = lambda _path=None: loader
    boto3.Session().resource("s3", region_name="us-east-1")


def answer(caller, loaded, parse):
    """Never returns."""
    code = 1
    name = "warm-barman"
    try:
        length, descriptors, _, _ = socket.recv_fds(caller, LENGTH, 3)
        request = caller.makefile("rb").read(int.from_bytes(length, "big"))
        name, arguments, environment, folder = parse(request)
        for descriptor, given in enumerate(descriptors):
            os.dup2(given, descriptor)
            os.close(given)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.argv = [name, *arguments]
        loaded[name].main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        print(f"{name}: {error!r}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            caller.send(bytes([code]))
        finally:
            os._exit(code)


def main():
    name = os.path.basename(sys.argv[0])
    if name not in COMMANDS:
        serve()
        return
    code = ask(name)
    if code is None:
        start()
        os.execv(f"/usr/bin/{name}", sys.argv)
    sys.exit(code)


main()
