/**
 * A signal that is aborted after `ms` milliseconds with a `TimeoutError`, or earlier, with the reason of `signal`, when that is aborted:
 *
 * ```ts
 * run: (ctx, url: string) => fetch(url, { signal: abortAfter(3_000, ctx.signal) })
 * ```
 *
 * On Node 20 (seen with 20.20.2; 22 and 24 are right) `AbortSignal.any([signal, AbortSignal.timeout(ms)])` may never be aborted by the timeout: once the garbage
 * collector has run, nothing holds it. This signal is held by its timer, which keeps no process alive.
 *
 * @example
 * import { abortAfter } from 'lovage'
 * const response = await fetch('https://example.com', { signal: abortAfter(5000) })
 */
export function abortAfter(ms: number, signal?: AbortSignal): AbortSignal {
  const controller = new AbortController()
  if (signal?.aborted) {
    controller.abort(signal.reason)
    return controller.signal
  }
  const timer = setTimeout(
    () => controller.abort(new DOMException(`It took longer than ${ms} ms`, 'TimeoutError')),
    ms,
  ).unref()
  const end = (): void => {
    clearTimeout(timer)
    controller.abort(signal?.reason)
  }
  signal?.addEventListener('abort', end, { once: true, signal: controller.signal })
  return controller.signal
}
