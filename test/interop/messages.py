"""Reads our messages with kombu and Celery, and makes Celery's own. One JSON question a line, one answer a line."""

import json
import sys

from celery import Celery
from celery.worker.request import Request
from kombu import Connection, Exchange, Producer, Queue

app = Celery('interop', broker='memory://', set_as_current=True)


ACCEPT = {'application/json', 'application/x-yaml', 'application/x-msgpack'}


@app.task(name='t.add')
def add(*args, **kwargs):
    return None


connection = Connection('memory://')
channel = connection.default_channel


def read(raw):
    """What a worker sees of an envelope: kombu decodes it, Celery's Request checks it."""
    message = channel.Message(json.loads(raw), channel=channel, accept=ACCEPT)
    body = message.decode()
    request = Request(message, app=app, hostname='w@interop', headers=message.headers, body=body, decoded=True)
    args, kwargs, embed = body
    return {
        'id': request.id, 'name': request.name, 'argsrepr': request.argsrepr, 'kwargsrepr': request.kwargsrepr,
        'args': repr(args), 'kwargs': repr(kwargs), 'embed': embed,
        'eta': request.eta and request.eta.isoformat(), 'expires': request.expires and request.expires.isoformat(),
        'time_limits': request.time_limits, 'headers': message.headers, 'properties': message.properties,
        'delivery_tag': message.delivery_tag,
    }


def make(question):
    """A message of Celery's, as kombu would put it on Redis."""
    call = question.get('call', {})
    message = app.amqp.task_protocols[question.get('protocol', 2)](
        question['id'], 't.add', eval(question['args']), eval(question['kwargs']), **call)
    name = 'interop-' + question['id']
    queue = Queue(name, Exchange(name), routing_key=name)(channel)
    queue.declare()
    Producer(channel).publish(
        message.body, exchange=name, routing_key=name, headers=message.headers,
        serializer=question.get('serializer', 'json'), compression=question.get('compression'),
        **message.properties)
    return json.dumps(channel._get(name))


for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = read(question['raw']) if 'raw' in question else {'raw': make(question)}
    except Exception as exc:  # the test shows it
        answer = {'error': repr(exc)}
    print(json.dumps(answer, default=repr), flush=True)
