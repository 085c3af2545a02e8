/** The app of the worker in Python. */
export const PYTHON = `
  app.conf.task_track_started = True
  @app.task(name='tasks.add')
  def add(x, y):
      return x + y
  @app.task(name='tasks.fail')
  def fail():
      raise ValueError('no')
  @app.task(name='tasks.nap')
  def nap(seconds):
      import time
      time.sleep(seconds)
`

/** The fields of a task in Flower’s interface. */
export const TASK_FIELDS = [
  'args',
  'children',
  'client',
  'clock',
  'eta',
  'exception',
  'exchange',
  'expires',
  'failed',
  'kwargs',
  'name',
  'parent',
  'parent_id',
  'received',
  'rejected',
  'result',
  'retried',
  'retries',
  'revoked',
  'root',
  'root_id',
  'routing_key',
  'runtime',
  'sent',
  'started',
  'state',
  'succeeded',
  'timestamp',
  'traceback',
  'uuid',
  'worker',
]
