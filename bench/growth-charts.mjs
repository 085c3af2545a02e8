// A chart for each curve of bench/growth.mjs, by its file in bench/.
import { lineChart, shown } from './line-chart.mjs'

/** @returns {Record<string, string>} */
export function growthCharts(samples) {
  const of = (scenario) => samples.filter((sample) => sample.scenario === scenario)
  const curve = (scenario, title, below, series, unit) => {
    const sizes = [...new Set(of(scenario).map(({ size }) => size))]
    if (sizes.length === 0) return {}
    const drawn = series.map(({ name, is, what }) => ({
      name,
      values: of(scenario)
        .filter(
          (sample) => is === undefined || Object.entries(is).every(([key, value]) => sample[key] === value),
        )
        .map((sample) => sample[what]),
    }))
    const svg = lineChart({ title, below, labels: sizes.map(shown), series: drawn, unit })
    return { [`growth-${scenario}.svg`]: svg }
  }
  const rate = { name: 'tasks a second', what: 'perSecond' }
  return {
    ...curve('backlog', 'Tasks a second, by what waits', 'messages waiting', [rate]),
    ...curve('delayed', 'Tasks a second, by what is delayed', 'delayed messages', [rate]),
    ...curve(
      'queues',
      'Tasks a second, by the queues of one worker',
      'queues',
      ['Redis', 'SQLite'].map((on) => ({ name: on, is: { on }, what: 'perSecond' })),
    ),
    ...curve('idle', 'Commands a second of an idle worker', 'idle workers', [
      { name: 'commands, each', what: 'commandsPerSecond' },
    ]),
    ...curve(
      'revokes',
      'CPU of one more revoke',
      'revokes remembered',
      [{ name: 'worker and caller', what: 'cpuMs' }],
      ' ms',
    ),
    ...curve(
      'payload',
      'Tasks a second, by the size of the argument',
      'bytes',
      ['Lovage', 'BullMQ'].map((peer) => ({ name: peer, is: { peer }, what: 'perSecond' })),
    ),
    ...curve('workers', 'Tasks a second, by the workers of one server', 'workers', [rate]),
  }
}
