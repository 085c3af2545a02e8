"""Python Celery's side of the benchmark: python3 python.py <publish|latency> <url> <count>; prints one line of JSON."""
import json, sys, time
from celery import Celery

scenario, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = Celery("bench", broker=url, backend=url if scenario == "results" else None)
app.conf.task_default_queue = "bench"
if url.startswith("amqp"):
    app.conf.broker_transport_options = {"confirm_publish": True}


@app.task(name="bench.noop", ignore_result=True)
def noop(x, y):
    return x + y


for _ in range(max(1, count // 10)):
    noop.delay(1, 2)
start = time.perf_counter()
for _ in range(count):
    noop.delay(1, 2)
print(json.dumps({"peer": "Celery (Python)", "scenario": "publish", "perSecond": count / (time.perf_counter() - start)}))
