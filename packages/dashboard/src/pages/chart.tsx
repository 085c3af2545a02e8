import type { FC } from 'hono/jsx'
import type { Throughput } from '../data/overview.js'
import { count, seconds, stamp } from './words.js'

const WIDTH = 720
const HEIGHT = 120

/** Ended tasks by minute as stacked bars drawn on the server, and the same as a table. */
export const ThroughputChart: FC<{ readonly of: readonly Throughput[] }> = ({ of }) => {
  const most = Math.max(1, ...of.map(({ succeeded, failed, retried }) => succeeded + failed + retried))
  const step = WIDTH / Math.max(1, of.length)
  const tall = (value: number): number => (value / most) * HEIGHT
  const totals = of.reduce(
    (sum, { succeeded, failed, retried }) => ({
      succeeded: sum.succeeded + succeeded,
      failed: sum.failed + failed,
      retried: sum.retried + retried,
    }),
    { succeeded: 0, failed: 0, retried: 0 },
  )
  const told = `${count(totals.succeeded)} succeeded, ${count(totals.failed)} failed, ${count(totals.retried)} retried in the last hour; at most ${count(most)} a minute.`
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 2}`} preserveAspectRatio="none" role="img" aria-label={told}>
        {of.map(({ succeeded, failed, retried }, place) => {
          const [good, warn, bad] = [tall(succeeded), tall(retried), tall(failed)]
          const x = place * step + 0.5
          const width = Math.max(0.5, step - 1)
          return (
            <>
              <rect class="good" x={x} y={HEIGHT - good} width={width} height={good} />
              <rect class="warn" x={x} y={HEIGHT - good - warn} width={width} height={warn} />
              <rect class="bad" x={x} y={HEIGHT - good - warn - bad} width={width} height={bad} />
            </>
          )
        })}
        <line x1="0" x2={WIDTH} y1={HEIGHT + 1} y2={HEIGHT + 1} />
      </svg>
      <figcaption>
        <span class="key good">✓ succeeded</span> <span class="key warn">↻ retried</span>{' '}
        <span class="key bad">✕ failed</span> <span class="note">{told}</span>
      </figcaption>
      <details>
        <summary>As a table</summary>
        <table>
          <caption class="unseen">Ended tasks by minute</caption>
          <thead>
            <tr>
              <th scope="col">Minute (UTC)</th>
              <th scope="col" class="number">
                Received
              </th>
              <th scope="col" class="number">
                Succeeded
              </th>
              <th scope="col" class="number">
                Retried
              </th>
              <th scope="col" class="number">
                Failed
              </th>
              <th scope="col" class="number">
                Mean run
              </th>
            </tr>
          </thead>
          <tbody>
            {of
              .filter((one) => one.received + one.succeeded + one.failed + one.retried > 0)
              .reverse()
              .map((one) => (
                <tr>
                  <td>{stamp(one.ms).slice(11, 16)}</td>
                  <td class="number">{count(one.received)}</td>
                  <td class="number">{count(one.succeeded)}</td>
                  <td class="number">{count(one.retried)}</td>
                  <td class="number">{count(one.failed)}</td>
                  <td class="number">{seconds(one.meanRuntime)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </figure>
  )
}
