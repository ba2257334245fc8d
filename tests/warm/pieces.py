"""Random Pulumi programs, composed of pieces that each do something a program may do.

In a piece `[[a|b]]` is one of these by chance, and `#` a number of its own. Lines that begin with
`o` are printed to stdout, with `e` to stderr: how the two mix is left to the scheduler.

Not in here, as stock itself is not sure: text that is not UTF-8 (the SDK's reader of the stock CLI
dies of it), and files that nobody closes in a reference cycle (their data may get lost).
"""

from __future__ import annotations

import random
import re
import textwrap
from dataclasses import dataclass

HEAD = """
import atexit, asyncio, gc, io, logging, os, signal, subprocess, sys, threading, time, warnings
from pathlib import Path
import pulumi

def out(text):
    print('o', text, flush=True)

def err(text):
    print('e', text, file=sys.stderr, flush=True)

"""
# Modules of the program host, of the standard library, and an installed one.
LOCAL = "'[[packages|ending|preloaded|zygote|csv|zipfile|selectors|json|argparse|pulumi_random]]'"
PIECES = {
    'lines': """
        for i in range([[1|30|800]]):
            print('o line #', i, 'x' * [[0|50|300]])
            print('e line #', i, file=sys.stderr)
        sys.stdout.flush()
    """,
    'long-line': "out('long # ' + 'y' * [[5000|70000|300000]])",
    'raw': "sys.stdout.flush(); os.write([[1|2]], b'raw #\\n')",
    'odd-text': "out('odd # ' + chr([[233|0x1F600|9]]))",
    'blank': "print(); print('   '); out('after blank')",
    'thread': """
        def last#():
            threading.main_thread().join()
            time.sleep([[0|0.05|0.3]])
            out('thread #')
        threading.Thread(target=last#).start()
    """,
    'daemon-thread': 'threading.Thread(target=time.sleep, args=(60,), daemon=True).start()',
    'thread-fails': """
        def failing#():
            raise [[LookupError|SystemExit|KeyboardInterrupt]]('#')
        thread# = threading.Thread(target=failing#, name='failing-#')
        thread#.start()
        thread#.join()
    """,
    'at-exit': "atexit.register([[out|err]], 'at exit #')",
    'at-exit-fails': """
        def leave#():
            [[raise LookupError('at exit')|sys.exit(9)]]
        atexit.register(leave#)
    """,
    'at-exit-unflushed': "atexit.register(sys.stdout.write, 'o unflushed')",
    'fork': """
        child# = os.fork()
        if child# == 0:
            os.write(1, b'o from a fork #\\n')
            os._exit([[0|3]])
        out(os.waitpid(child#, 0)[1])
    """,
    'subprocess': "subprocess.run(['sh', '-c', '[[echo o child|echo e child >&2]]'])",
    'left-behind': "subprocess.Popen(['sleep', '[[1|5]]'])",
    'odd-module': """
        class Slotted#:
            __slots__ = ()
        sys.modules['odd#'] = [[None|Slotted#()|object()|1|Slotted#]]
    """,
    'forgotten-module': """
        sys.modules.pop('[[json|argparse|pulumi_random|threading]]', None)
        import json, threading
        out(json.dumps([1]))
    """,
    'fake-module': """
        import types
        sys.modules['fake#'] = types.ModuleType('fake#')
        import fake#
        fake#.file = open('fake#', 'w')
        fake#.file.write('unclosed')
    """,
    'local-module': f"""
        name# = {LOCAL}
        Path(name# + '.py').write_text('whose = "ours"')
        out((name#, getattr(__import__(name#), 'whose', 'theirs')))
    """,
    'library': f"""
        name# = {LOCAL}
        Path('lib#').mkdir()
        Path('lib#', name# + '.py').write_text('whose = "of the library"')
        sys.path.[[append(|insert(0, ]]'lib#')
        out((name#, getattr(__import__(name#), 'whose', 'theirs')))
    """,
    'what-is-imported': """
        out(sorted(name for name in sys.modules if 'pulumi_' in name or name in ('csv', 'zipfile')))
    """,
    # One that fails, as without stdout, has the source in its traceback in the one and not in the
    # other, where files cannot be read any more.
    'finalizer': """
        Path('final#.py').write_text(
            'import os\\nclass Final:\\n    def __del__(self, write=os.write):\\n'
            '        try: write(1, b"o finalized #\\\\n")\\n'
            '        except OSError: pass\\nkept = Final()\\n'
        )
        import final#
    """,
    'file': "Path('file#').write_text('text'); Path('folder#').mkdir()",
    'umask': "out(oct(os.umask([[0o027|0o002|0o077]]))); Path('masked#').touch()",
    'handled-signal': """
        number# = signal.[[SIGUSR1|SIGTERM|SIGINT|SIGCHLD]]
        signal.signal(number#, lambda number, frame: out(signal.Signals(number).name))
        os.kill(os.getpid(), number#)
        time.sleep(0.01)
    """,
    'ignored-signal': """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(os.getpid(), signal.SIGTERM)
    """,
    'alarm': 'signal.alarm(60)',
    'warning': """
        warnings.simplefilter('[[always|ignore|default]]')
        warnings.warn('careful #', [[UserWarning|DeprecationWarning]])
    """,
    'logging': "logging.[[warning|error|info]]('logged #')",
    'pulumi-log': "pulumi.log.[[info|warn|debug]]('logged #')",
    'environment': """
        out((os.environ.get('SEEN'), 'PULUMI_CONFIG' in os.environ, os.environ.get('HOME')))
        os.environ['SEEN'] = os.environ['PULUMI_STACK'] = '#'
    """,
    'directory': """
        out(os.path.basename(os.getcwd()))
        Path('below#').mkdir()
        os.chdir('below#')
    """,
    'surroundings': """
        import __main__
        out((sys.argv[1:], __name__, sorted(vars(__main__))[:8], sys.stdin.read(), sys.flags))
        out((sys.stdout.encoding, sys.getrecursionlimit(), threading.enumerate(), gc.isenabled()))
    """,
    'limits': """
        import resource
        out([resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)])
        out(os.nice(0))
    """,
    'export': "pulumi.export('value#', 'z' * [[3|100000]])",
    'output': """
        pulumi.export('applied#', pulumi.Output.from_input(7).apply(lambda x: x + 1))
    """,
    'secret': "pulumi.export('secret#', pulumi.Output.secret('hidden #'))",
    'resource': """
        import pulumi_random
        made# = pulumi_random.RandomString('made#', length=[[4|9]])
        pulumi.export('length#', made#.length)
        made#.result.apply(lambda text: out(('made', len(text))))
    """,
    'component': """
        class Part#(pulumi.ComponentResource):
            def __init__(self):
                super().__init__('my:index:Part', 'part#')
                self.register_outputs({'number': 3})
        Part#()
    """,
    'task': """
        async def task#():
            await asyncio.sleep(0)
            out('task #')
        asyncio.ensure_future(task#())
    """,
    'collector': '[[gc.disable()|gc.freeze()|sys.setrecursionlimit(500)]]',
    'hook': "sys.excepthook = lambda *_: out('hook')",
}
ENDS = {
    'end': "out('end')",
    'no-newline': "sys.stdout.write('o no newline')",
    'much': """
        for i in range([[100|3000]]):
            print('o last', i)
    """,
    'much-raw': "os.write(1, b'o raw\\n' * 9000)",
    'traceback': """
        def deep(levels):
            return deep(levels - 1) if levels else {}['missing']
        deep(3)
    """,
    'exit': """
        sys.exit([[|None|0|3|32|256|-1|True|1 << 40|1 << 70|'a reason'|(1, 2)|0.5|KeyError]])
    """,
    'exit-from-error': """
        try:
            {}['missing']
        except LookupError as error:
            raise SystemExit(4) from error
    """,
    'raise': """
        odd = type('Odd', (Exception,), {'__str__': lambda self: 1})
        raise [[ValueError('wrong')|pulumi.RunError('known')|ImportError|GeneratorExit|odd()]]
    """,
    'raise-base': "raise [[KeyboardInterrupt|BaseException('base')]]",
    'quit': 'os._exit([[0|1|32|255]])',
    'die': 'os.kill(os.getpid(), signal.[[SIGKILL|SIGSEGV|SIGHUP]])',
    'abort': 'os.abort()',
    'replace': "os.execvp('sh', ['sh', '-c', 'echo o replaced; exit 3'])",
    'syntax': "exec('def')",
    'import': 'import no_such_module',
    'close-file': """
        [[os.close(1)|os.close(2)|sys.stdout.write('o'); os.close(1)|sys.stdout.close()]]
    """,
    'no-file': 'sys.[[stdout|stderr]] = [[None|io.StringIO()]]',
    'close-at-exit': """
        atexit.register([[sys.stdout.close|lambda: os.close(1)|lambda: (os.close(1), print('o'))]])
    """,
}
_CHOICE = re.compile(r'\[\[(.*?)\]\]')


@dataclass(frozen=True)
class Program:
    """A program, the pieces that it is made of, and the umask to run it with."""

    text: str
    names: list[str]
    umask: int


def compose(chance: random.Random) -> Program:
    """Returns a random program."""
    names = chance.sample(sorted(PIECES), chance.randrange(1, 6))
    end = chance.choice(sorted(ENDS))
    templates = [PIECES[name] for name in names] + [ENDS[end]]
    pieces = [fill(template, number, chance) for number, template in enumerate(templates)]
    umask = chance.choice([0o022, 0o077, 0o002])
    return Program(HEAD + '\n'.join(pieces), [*names, end], umask)


def fill(template: str, number: int, chance: random.Random) -> str:
    """Returns the piece with its choices made."""
    text = textwrap.dedent(template).replace('#', str(number))
    return _CHOICE.sub(lambda found: chance.choice(found[1].split('|')), text)
