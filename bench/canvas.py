"""Python Celery's canvases: python3 canvas.py <chord|chain|group> <url> <count>; prints one line of JSON."""
import json, resource, sys, time
from celery import Celery, chain, chord, group

what, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = Celery("bench", broker=url, backend=url)
app.conf.update(task_default_queue="bench")
sys.setrecursionlimit(100_000)


@app.task(name="bench.noop")
def noop(x):
    return x


@app.task(name="bench.total")
def total(values):
    return len(values)


def run(n):
    start = time.perf_counter()
    if what == "chord":
        assert chord([noop.s(i) for i in range(n)], total.s())().get(timeout=300) == n
    elif what == "chain":
        assert chain(noop.s(1), *[noop.s() for _ in range(n - 1)])().get(timeout=300) == 1
    else:
        group(noop.s(i) for i in range(n)).apply_async()
    return time.perf_counter() - start


run(max(2, count // 10))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seconds = run(count)
growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
print(json.dumps({"scenario": what, "seconds": seconds, **({"growthMb": growth} if what == "group" else {})}))
