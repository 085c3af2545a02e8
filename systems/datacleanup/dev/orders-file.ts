import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

const CITIES = ['Berlin', ' Hamburg', 'München ', 'N/A', 'Köln', 'null', '"Frankfurt, Main"', 'Leipzig']

/** The rows of an untidy file: padded cells, words for nothing, every tenth row twice. The same rows each time. */
export function* untidyRows(rows: number): Generator<string> {
  yield 'order_id,customer,city,amount,ordered_on,comment\r\n'
  let seed = 7
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
    return seed / 0x7fffffff
  }
  let last = ''
  for (let row = 1; row <= rows; row++) {
    if (row % 10 === 0) {
      yield last
      continue
    }
    const city = CITIES[Math.floor(random() * CITIES.length)]
    const day = 1 + Math.floor(random() * 28)
    const amount = (random() * 1000).toFixed(2)
    last = `${row},customer ${Math.floor(random() * 5000)},${city},${amount},2026-11-${String(day).padStart(2, '0')},"said ""thanks"" and left a comment that is of no use, number ${row}"\r\n`
    yield last
  }
}

/** Writes such a file. */
export async function writeUntidyFile(path: string, rows: number): Promise<void> {
  const file = createWriteStream(path)
  let held = ''
  for (const row of untidyRows(rows)) {
    held += row
    if (held.length < 1 << 18) continue
    if (!file.write(held)) await once(file, 'drain')
    held = ''
  }
  file.end(held)
  await once(file, 'finish')
}
