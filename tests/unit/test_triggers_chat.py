"""Slack and Mattermost: who may say what, and how a preview is agreed to."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from stacks import programs
from stacks.moments import now
from stacks.store.tables import trigger_approvals, trigger_replies
from tests.chatting import MM_URL, RULES, Chatting
from tests.records import ANNA, Site, order
from tests.triggers import PEOPLE, RULE, TOKEN, alert
from triggers.chat import slack
from triggers.errors import ForgedError, MalformedError
from triggers.event import Call
from triggers.sources.source import Source
from triggers.store.chat import tell
from web.identity import Caller


@pytest.fixture
def chatting(site: Site) -> Chatting:
    return Chatting(site)


def make(chatting: Chatting) -> None:
    """Have a stack of anna's be there."""
    inputs = {'team': 'shop', 'key': '12345', 'size': 1}
    run = chatting.site.platform.create(ANNA, order('web', inputs=inputs))
    chatting.site.change_run(run.id, state='succeeded', ended_at=now())
    chatting.site.change_stack('web', state='ready')


def end(chatting: Chatting, stack: str = 'web', **changes: int) -> None:
    """Have the last run of a stack succeed."""
    run = chatting.site.runs(stack)[-1]
    based_on = chatting.site.stack(stack).changed_by
    program = chatting.site.catalogue.program('token')
    assert program
    chatting.site.change_run(
        run.id,
        state='succeeded',
        started_at=now(),
        ended_at=now(),
        changes=changes,
        based_on=based_on,
        digest=programs.digest(program.folder),
    )


def previewed(chatting: Chatting) -> dict[str, Any]:
    """Return the message with the buttons of a preview."""
    make(chatting)
    assert 'is queued' in chatting.say('up web size=3')['text']
    end(chatting, update=1)
    [message] = chatting.reply()
    return message


def test_documented_signature() -> None:
    """The example of Slack's documents verifies, and not a second later than it may."""
    body = (
        b'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&'
        b'channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&'
        b'command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F'
        b'commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&'
        b'trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
    )
    signature = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'
    call = Call({'x-slack-request-timestamp': '1531420618', 'x-slack-signature': signature}, body)
    source = Source('slack', 'slack', ('8f742231b10e8888abcd99yyyzzz85a5',))
    slack.verify(call, source, 1531420618 + 300)
    for moment in (1531420618 + 301, 1531420618 - 301):
        with pytest.raises(ForgedError):
            slack.verify(call, source, moment)
    assert slack.read(call, source).person == ('T1DC2JH3J', 'U2CERLKJA')


def test_preview_then_update(chatting: Chatting) -> None:
    """`up` previews and asks; who agrees has exactly that done, and the buttons go."""
    message = previewed(chatting)
    assert (message['response_type'], '~1' in message['text']) == ('in_channel', True)
    assert '`size` `1` → `3`' in message['text']
    assert chatting.press(message) == {}
    run = chatting.site.runs('web')[-1]
    assert (run.operation, run.caller, run.inputs['plain']['size']) == ('update', 'anna', 3)
    assert run.preview == chatting.site.runs('web')[-2].id
    end(chatting, update=1)
    replaced, ended = chatting.reply()
    assert replaced['replace_original'] is True
    assert [each['type'] for each in replaced['blocks']] == ['section']
    assert 'update of `web` succeeded' in ended['text']
    assert [url for url, _ in chatting.sent] == ['https://hooks.slack.com/actions/T1/1/xyz'] * 2
    assert chatting.reply() == []


def test_pressed_twice(chatting: Chatting) -> None:
    """A button counts once; who presses it again is told who has decided."""
    message = previewed(chatting)
    chatting.press(message)
    chatting.press(message, 'UOLGA')
    assert len([each for each in chatting.site.runs('web') if each.operation == 'update']) == 2
    assert any('anna has decided' in each['text'] for each in chatting.reply())


def test_discarded(chatting: Chatting) -> None:
    """What is discarded is not done, and cannot be any more."""
    message = previewed(chatting)
    chatting.press(message, number=1)
    assert 'discarded by anna' in chatting.reply()[0]['text']
    chatting.press(message)
    assert chatting.site.runs('web')[-1].operation == 'preview'


def test_discarded_by_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who asked, or may do it, discards something; for others the button stays."""
    monkeypatch.setitem(PEOPLE, 'ben', Caller('ben', 'user'))
    link = '[[link]]\nsource = "slack"\nteam = "T1"\nuser = "UBEN"\nprincipal = "ben"'
    chatting = Chatting(site, link)
    message = previewed(chatting)
    chatting.press(message, 'UBEN', number=1)
    assert 'belongs to anna' in chatting.reply()[0]['text']
    chatting.press(message, 'UOLGA', number=1)
    assert 'discarded by olga' in chatting.reply()[0]['text']


def test_changed_meanwhile(chatting: Chatting) -> None:
    """A preview that does not hold any more is not done."""
    message = previewed(chatting)
    chatting.site.change_stack('web', changed_by=99)
    chatting.press(message)
    assert chatting.site.runs('web')[-1].operation == 'preview'
    assert 'changed meanwhile' in chatting.reply()[0]['text']


def test_too_late(chatting: Chatting) -> None:
    """After its time a button counts no more."""
    message = previewed(chatting)
    with chatting.site.database.writing() as connection:
        connection.execute(trigger_approvals.update().values(expires_at=now() - timedelta(1)))
    chatting.press(message)
    assert chatting.site.runs('web')[-1].operation == 'preview'
    assert 'does not count any more' in chatting.reply()[0]['text']


@pytest.mark.parametrize('user', ['UROB', 'USTRANGER'])
def test_not_anybody(chatting: Chatting, user: str) -> None:
    """Who may not do it can press what they like; the button is left to those who may."""
    message = previewed(chatting)
    chatting.press(message, user)
    assert chatting.site.runs('web')[-1].operation == 'preview'
    chatting.press(message, 'UOLGA')
    assert chatting.site.runs('web')[-1].caller == 'olga'


def test_somebody_else(site: Site) -> None:
    """Where somebody else must agree, the one who asks cannot."""
    chatting = Chatting(site, 'approver = "other"')
    message = previewed(chatting)
    chatting.press(message)
    assert chatting.site.runs('web')[-1].operation == 'preview'
    assert 'Somebody else must agree' in chatting.reply()[0]['text']
    chatting.press(message, 'UOLGA')
    run = chatting.site.runs('web')[-1]
    assert (run.operation, run.caller, run.reason) == ('update', 'olga', 'asked by anna')


def test_destroy(chatting: Chatting) -> None:
    """A destroy asks by a button of its own, and only of a stack that is still as it was."""
    make(chatting)
    message = chatting.say('destroy web')
    assert 'are lost' in message['text']
    chatting.site.change_stack('web', description='changed')
    chatting.press(message)
    assert chatting.site.runs('web')[-1].operation == 'update'
    message = chatting.say('destroy web')
    chatting.press(message)
    assert chatting.site.runs('web')[-1].operation == 'destroy'


def test_new_stack(chatting: Chatting) -> None:
    """A stack that is not there is made of a program, by a preview first."""
    assert 'name a program' in chatting.say('up new')['text']
    assert 'a chat is no place' in chatting.say('up web token team=red key=abcde')['text']
    found = chatting.say('up web token team=\u201cthe red\u201d size=4')
    assert 'key is required' in found['text']


def test_status(chatting: Chatting) -> None:
    """What there is can be asked for, by those who may see it, and by nobody else."""
    assert chatting.say('status')['text'] == 'There are no stacks.'
    make(chatting)
    assert '`web` of `token`: ready' in chatting.say('status')['text']
    assert '`web` of `token`: ready' in chatting.say('status web', 'UROB')['text']
    assert 'You are nobody here' in chatting.say('status', 'USTRANGER')['text']
    assert 'There is no stack' in chatting.say('status other')['text']


@pytest.mark.parametrize(
    'text',
    [
        '',
        'help',
        'nonsense',
        'up',
        'up ../etc',
        'up "web',
        'destroy web a=b',
        'status a b',
        'x' * 3000,
    ],
)
def test_grammar(chatting: Chatting, text: str) -> None:
    """What is no command is answered by words, and nothing is done."""
    assert chatting.say(text)['response_type'] == 'ephemeral'
    assert chatting.site.runs('web') == []


def test_said_twice(chatting: Chatting) -> None:
    """The same command again is done once."""
    make(chatting)
    for _ in range(2):
        chatting.say('preview web', trigger_id='the same')
    assert [each.operation for each in chatting.site.runs('web')] == ['update', 'preview']


def test_escaped(chatting: Chatting) -> None:
    """What somebody else has written cannot call anybody, nor look like something else."""
    found = chatting.say('status <!channel>@here', 'U<!channel>`')
    assert '<!' not in found['text']
    assert '`' not in found['text'].partition('user = ')[2]


def test_forged(chatting: Chatting) -> None:
    """What is not signed, or was signed long ago, is refused, and nothing is kept."""
    fields = {'team_id': 'T1', 'user_id': 'UANNA', 'text': 'status', 'trigger_id': 'x'}
    old = str(int(time.time()) - 400)
    for headers in (
        {'x_slack_signature': 'v0=00'},
        {'x_slack_signature': 'é'},
        {'x_slack_signature': ''},
        {'x_slack_request_timestamp': old},
        {'x_slack_request_timestamp': '²'},
        {'x_slack_request_timestamp': ''},
    ):
        with pytest.raises(ForgedError):
            chatting.talk(fields, **headers)
    assert chatting.events() == []


@pytest.mark.parametrize(
    'url',
    [
        'https://hooks.slack.com.evil.example/x',
        'https://evil.example/hooks.slack.com/',
        'https://user@hooks.slack.com/x',
        'http://hooks.slack.com/x',
        'https://hooks.slack.com:8443/x',
        'https://169.254.169.254/latest',
        'file:///etc/passwd',
        'https://[::1/x',
    ],
)
def test_answers_go_nowhere_else(chatting: Chatting, url: str) -> None:
    """Where to answer must be where the chat is."""
    with pytest.raises(MalformedError):
        chatting.say('status', response_url=url)


def test_answer_is_tried_again(chatting: Chatting) -> None:
    """A chat that cannot be reached is told later; what it refuses is not sent again."""
    make(chatting)
    chatting.say('preview web')
    end(chatting)
    chatting.answers = [503, 404]
    assert len(chatting.reply()) == 1
    assert chatting.reply() == []
    with chatting.site.database.writing() as connection:
        connection.execute(trigger_replies.update().values(due_at=now() - timedelta(1)))
    assert len(chatting.reply()) == 1
    with chatting.site.database.writing() as connection:
        connection.execute(trigger_replies.update().values(due_at=now() - timedelta(1)))
    assert chatting.reply() == []


@pytest.mark.parametrize('number', [0, 1])
def test_asked_again(chatting: Chatting, number: int) -> None:
    """Where what asks is told twice, only the last buttons count, and none once it is decided."""

    def again() -> list[dict[str, Any]]:
        with chatting.site.database.writing() as connection:
            connection.execute(trigger_replies.update().values(due_at=now()))
        return chatting.reply()

    make(chatting)
    chatting.say('up web size=2')
    end(chatting, update=1)
    chatting.answers = [500, 500, 500]
    [first], [second] = chatting.reply(), again()
    chatting.press(first)
    assert chatting.site.runs('web')[-1].operation == 'preview'
    chatting.press(second, number=number)
    wanted = ('update', 'preview')[number]
    assert chatting.site.runs('web')[-1].operation == wanted
    assert all(len(each['blocks']) == 1 for each in again())


def test_chat_that_is_gone(chatting: Chatting) -> None:
    """What is to be told where no chat is any more keeps nothing else waiting."""
    message = {'source': 'gone', 'asked_by': 'anna', 'address': '', 'message': {'text': 'x'}}
    with chatting.site.database.writing() as connection:
        for _ in range(21):
            tell(connection, message)
    previewed(chatting)


def test_nothing_in_clear(chatting: Chatting) -> None:
    """Where to answer is stored encrypted, as whoever has it may write there."""
    previewed(chatting)
    file = chatting.site.settings.state_dir / 'platform.db'
    stored = file.read_bytes() + file.with_name('platform.db-wal').read_bytes()
    assert b'hooks.slack.com' not in stored


def mattermost(chatting: Chatting, text: str, **more: str) -> Any:
    fields = {
        'token': TOKEN,
        'team_id': 'M1',
        'user_id': 'ANNA',
        'command': '/infra',
        'text': text,
        'trigger_id': f'mm-{text}',
        'response_url': MM_URL,
        **more,
    }
    head = {'authorization': f'Token {fields["token"]}'}
    return chatting.triggers.talk('mm', Call(head, urlencode(fields).encode()))


def test_mattermost(chatting: Chatting) -> None:
    """The same in Mattermost: its button proves itself, and is replaced by the answer to it."""
    make(chatting)
    assert 'is queued' in mattermost(chatting, 'up web size=3')['text']
    end(chatting, update=1)
    [message] = chatting.reply()
    assert chatting.sent[0][0] == MM_URL
    agree, _ = message['attachments'][0]['actions']
    assert agree['integration']['url'] == 'https://infra.example.com/v1/hooks/mm'
    said = {
        'user_id': 'ANNA',
        'team_id': 'M1',
        'trigger_id': 'press',
        'context': agree['integration']['context'],
    }
    head = {'content-type': 'application/json'}
    forged = {**said, 'context': {**said['context'], 'proof': 'é'}}
    with pytest.raises(ForgedError):
        chatting.triggers.talk('mm', Call(head, json.dumps(forged).encode()))
    answer = chatting.triggers.talk('mm', Call(head, json.dumps(said).encode()))
    assert answer is not None
    assert 'agreed to by anna' in answer['update']['message']
    assert chatting.site.runs('web')[-1].operation == 'update'
    end(chatting, update=1)
    assert ['succeeded' in each['text'] for each in chatting.reply()] == [True]


def test_mattermost_forged(chatting: Chatting) -> None:
    """A form without the token, or with another one in its head, is refused."""
    with pytest.raises(ForgedError):
        mattermost(chatting, 'status', token='wrong')
    fields = urlencode({'token': TOKEN, 'team_id': 'M1', 'user_id': 'ANNA', 'trigger_id': 'x'})
    with pytest.raises(ForgedError):
        chatting.triggers.talk('mm', Call({'authorization': 'Token wrong'}, fields.encode()))
    with pytest.raises(MalformedError):
        mattermost(chatting, 'status', response_url='https://evil.example/hooks/x')


ALERTS = """
[source.am]
kind = "alertmanager"
secret_file = "{secret}"
""" + RULE.replace('dry_run = false', 'dry_run = false\napproval = "slack"')
HOOK = 'https://hooks.slack.com/services/T1/B1/planted'


@pytest.fixture
def asking(site: Site) -> Chatting:
    """A rule of alerts for which somebody in Slack must agree."""
    hook = site.settings.state_dir / 'hook'
    hook.write_text(HOOK)
    chatting = Chatting(site, f'webhook_file = "{hook}"')
    chatting.write(RULES + ALERTS.replace('{more}', ''), f'webhook_file = "{hook}"')
    inputs = {'team': 'shop', 'key': '12345', 'size': 1}
    run = site.platform.create(ANNA, order('cap-shop', inputs=inputs))
    site.change_run(run.id, state='succeeded', ended_at=now())
    site.change_stack('cap-shop', state='ready')
    return chatting


def test_alert_that_asks(asking: Chatting) -> None:
    """A rule may only preview; who agrees has it done, and in the end it goes back by itself."""
    found = asking.told(alert())
    assert (found.outcome, 'somebody in slack must agree' in found.reason) == ('waiting', True)
    assert asking.told(alert()).outcome == 'renewed'
    end(asking, 'cap-shop', update=1)
    [message] = asking.reply()
    assert asking.sent[0][0] == HOOK
    assert 'asked for by rule spike' in message['text']
    asking.press(message)
    run = asking.site.runs('cap-shop')[-1]
    assert (run.operation, run.caller, run.inputs['plain']['size']) == ('update', 'anna', 2)
    end(asking, 'cap-shop', update=1)
    asking.site.change_stack('cap-shop', inputs=run.inputs)
    assert asking.told(alert('resolved')).target == {'input': 'size', 'from': 2, 'to': 1}


def test_alert_that_is_over(asking: Chatting) -> None:
    """What nobody has agreed to while it went on is not done after it."""
    asking.told(alert())
    end(asking, 'cap-shop', update=1)
    [message] = asking.reply()
    assert 'Nothing was done' in asking.told(alert('resolved')).reason
    asking.press(message)
    assert asking.site.runs('cap-shop')[-1].operation == 'preview'
    assert 'is over' in asking.reply()[0]['text']


def test_alert_whose_rule_is_off(asking: Chatting) -> None:
    """What switches the rules off also stops what a rule has asked for before."""
    asking.told(alert())
    end(asking, 'cap-shop', update=1)
    [message] = asking.reply()
    hook = asking.site.settings.state_dir / 'hook'
    rules = 'enabled = false\n' + RULES + ALERTS.replace('{more}', '')
    asking.write(rules, f'webhook_file = "{hook}"')
    asking.press(message)
    assert asking.site.runs('cap-shop')[-1].operation == 'preview'
    assert 'switched off' in asking.reply()[0]['text']
