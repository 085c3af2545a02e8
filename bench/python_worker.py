"""The app that Python Celery's worker serves in the benchmark; BENCH_URL is the broker, BENCH_RESULTS=1 stores results."""
import os
from celery import Celery

results = os.environ.get("BENCH_RESULTS") == "1"
app = Celery("bench", broker=os.environ["BENCH_URL"], backend=os.environ["BENCH_URL"] if results else None)
app.conf.update(task_default_queue="bench", task_acks_late=True, worker_hijack_root_logger=False)


@app.task(name="bench.noop", ignore_result=not results)
def noop(x, y):
    return x + y
