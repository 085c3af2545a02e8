"""The app that Python Celery's worker serves in the benchmark of canvases; BENCH_URL is broker and results."""
import os
from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_URL"], backend=os.environ["BENCH_URL"])
app.conf.update(task_default_queue="bench", task_acks_late=True, worker_hijack_root_logger=False)


@app.task(name="bench.noop")
def noop(x):
    return x


@app.task(name="bench.total")
def total(values):
    return len(values)
