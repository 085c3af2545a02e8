"""Builds canvases from their drawing (JSON on the standard input), sends them all, and prints what each gives."""
import json, sys, time
from celery import chain, chord, group

FINAL = ('SUCCESS', 'FAILURE', 'REVOKED')

def build(node):
    kind = node['kind']
    if kind == 'task':
        made = app.signature('t.' + node['task'], args=node['args'], immutable=node.get('immutable', False))
    elif kind == 'chain':
        made = chain(*[build(one) for one in node['steps']])
    elif kind == 'group':
        made = group([build(one) for one in node['members']])
    else:
        made = chord([build(one) for one in node['header']], build(node['body']))
    if node.get('link'):
        made.link(app.signature('t.note', args=[node['link']]))
    if node.get('linkError'):
        made.link_error(app.signature('t.note', args=[node['linkError']], immutable=True))
    return made

def leaves(result):
    if getattr(result, 'results', None) is not None:
        return [leaf for one in result.results for leaf in leaves(one)]
    return [result]

def outcome(result, ended):
    if getattr(result, 'results', None) is not None:
        return [outcome(one, ended) for one in result.results]
    meta = ended.get(result.id)
    if meta is None:
        return {'stuck': True}
    return {'value': meta['result']} if meta['status'] == 'SUCCESS' else {'error': type(meta['result']).__name__}

drawings = json.load(sys.stdin)
sent = []
for drawing in drawings:
    try:
        sent.append(build(drawing).apply_async())
    except Exception as error:
        sent.append(error)
until = time.monotonic() + float(os.environ.get('PATIENCE_S', '20'))
waiting = {leaf.id: leaf for one in sent if not isinstance(one, Exception) for leaf in leaves(one)}
ended = {}
while waiting and time.monotonic() < until:
    for leaf in list(waiting.values()):
        meta = app.backend.get_task_meta(leaf.id, cache=False)
        if meta['status'] in FINAL:
            ended[leaf.id] = meta
            del waiting[leaf.id]
    time.sleep(0.05)
print(json.dumps([{'refused': type(one).__name__} if isinstance(one, Exception) else outcome(one, ended) for one in sent]))
