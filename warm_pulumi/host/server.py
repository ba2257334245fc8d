"""The LanguageRuntime that the engine talks to, in place of ``pulumi-language-python``."""

from __future__ import annotations

import codecs
import json
import os
import select
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import packages
import zygote
from google.protobuf import empty_pb2
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import (
    LanguageRuntimeServicer,
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
)

# The exec script ends with this code when it has told the user already what went wrong.
_TOLD_THE_USER = 32


def serve(client: zygote.Client, exec_script: str) -> None:
    """Answers the engine until stdin, which the engine holds, ends."""
    installed = packages.snapshot()
    runtime = LanguageRuntime(client)
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=_GRPC_CHANNEL_OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(runtime, server)
    port = server.add_insecure_port('127.0.0.1:0')
    server.start()
    _say({'port': port})
    for line in sys.stdin:
        runtime.environment = json.loads(line)['env']
        _say({'current': packages.is_current(installed)})
    # Without waiting for runs: the engine that asked for them is gone. The zygote kills the children.
    os._exit(0)


def _say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


class LanguageRuntime(LanguageRuntimeServicer):
    """Runs programs in children of the zygote."""

    def __init__(self, client: zygote.Client) -> None:
        self._client = client
        self._engine = ''
        self._required = packages.required()
        self.environment: dict[str, str] = {}

    def Handshake(self, request, context):
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo()

    def About(self, request, context):
        return language_pb2.AboutResponse(
            executable=sys.executable, version='.'.join(map(str, sys.version_info[:3]))
        )

    def GetRequiredPackages(self, request, context):
        return language_pb2.GetRequiredPackagesResponse(packages=self._required)

    def Cancel(self, request, context):
        # The engine closes the resource monitor, which ends a program as under the stock host; one
        # that does not care is killed when the engine drops the Run call.
        return empty_pb2.Empty()

    def Run(self, request, context):
        job = zygote.Job(
            _arguments(request, self._engine), request.pwd, self._run_environment(request)
        )
        with _Output(self._engine) as output:
            run = self._client.start(job, *output.take_write_ends())
            context.add_callback(run.cancel)
            try:
                return _response(output.forward_until_end(run))
            finally:
                run.close()

    def _run_environment(self, request) -> dict[str, str]:
        """The command's environment, with the virtual environment activated, and the config."""
        env = dict(self.environment)
        if sys.prefix != sys.base_prefix:
            env.pop('PYTHONHOME', None)
            env['VIRTUAL_ENV'] = sys.prefix
            env['PATH'] = os.path.join(sys.prefix, 'bin') + os.pathsep + env.get('PATH', '')
        if request.config:
            env['PULUMI_CONFIG'] = json.dumps(dict(request.config))
        env['PULUMI_CONFIG_SECRET_KEYS'] = json.dumps(list(request.configSecretKeys))
        return env


def _arguments(request, engine: str) -> list[str]:
    options = {
        'monitor': request.monitor_address,
        'engine': engine,
        'project': request.project,
        'root_directory': request.info.root_directory,
        'stack': request.stack,
        'pwd': request.pwd,
        'dry_run': str(request.dryRun).lower(),
        'parallel': str(request.parallel),
        'organization': request.organization,
    }
    arguments = [part for name, value in options.items() if value for part in (f'--{name}', value)]
    return [*arguments, request.program or '.', *request.args]


def _response(status: int) -> language_pb2.RunResponse:
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return language_pb2.RunResponse()
    if code == _TOLD_THE_USER:
        return language_pb2.RunResponse(bail=True)
    shown = max(code, -1)  # A signal, whichever, has no exit code.
    return language_pb2.RunResponse(error=f'program exited with non-zero exit code: {shown}')


class _Output:
    """What a child prints, forwarded line by line to the engine's diagnostics."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._channel: grpc.Channel | None = None
        pipes = [os.pipe(), os.pipe()]
        self._write_ends = [write for _, write in pipes]
        # The stream ids let the engine keep the two apart.
        self._streams = {read: _Lines(number) for number, (read, _) in enumerate(pipes, start=1)}

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in [*self._streams, *self._write_ends]:
            os.close(fd)
        if self._channel is not None:
            self._channel.close()

    def take_write_ends(self) -> list[int]:
        return self._write_ends

    def forward_until_end(self, run: zygote.Run) -> int:
        """Returns the wait status. Does not wait for others that hold the pipes open."""
        for fd in self._streams:
            os.set_blocking(fd, False)
        poll = select.poll()
        for fd in [*self._streams, run.fileno()]:
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd in self._streams:
                    self._forward(fd)
                    continue
                status = run.news()
                if status is not None:
                    for stream in self._streams:
                        self._forward(stream, last=True)
                    return status

    def _forward(self, fd: int, last: bool = False) -> None:
        while True:
            try:
                data = os.read(fd, 1 << 16)
            except BlockingIOError:
                data = b''
            self._log(fd, data, last and not data)
            if not data:
                return

    def _log(self, fd: int, data: bytes, last: bool) -> None:
        lines = self._streams[fd]
        for line in lines.feed(data, last):
            if line.strip() and self._engine:
                request = engine_pb2.LogRequest(
                    severity=engine_pb2.INFO, message=line, streamId=lines.number
                )
                try:
                    self._stub().Log(request)
                except grpc.RpcError:  # The engine is about to end; so are we.
                    return

    def _stub(self) -> engine_pb2_grpc.EngineStub:
        if self._channel is None:  # Most programs print nothing, and a channel takes milliseconds.
            self._channel = grpc.insecure_channel(self._engine, options=_GRPC_CHANNEL_OPTIONS)
        return engine_pb2_grpc.EngineStub(self._channel)


class _Lines:
    def __init__(self, number: int) -> None:
        self.number = number
        self._decoder = codecs.getincrementaldecoder('utf-8')('replace')
        self._rest = ''

    def feed(self, data: bytes, last: bool) -> list[str]:
        *lines, self._rest = (self._rest + self._decoder.decode(data, last)).split('\n')
        if last:
            lines.append(self._rest)
            self._rest = ''
        return lines
