import { data } from '../enrichment/data.js'
import { FLAG, isEnrichmentOn, setEnrichment } from '../enrichment/flags.js'

/** `on`, `off`, or nothing to look. */
export async function flag(words: readonly string[], write: (line: string) => void): Promise<number> {
  const [word] = words
  if (word !== undefined && word !== 'on' && word !== 'off') {
    write(`${JSON.stringify(word)} is neither on nor off.`)
    return 64
  }
  if (word) await setEnrichment(word === 'on')
  write(
    `${FLAG} is ${(await isEnrichmentOn()) ? 'on' : 'off'}${word ? '; every process knows within 5 seconds' : ''}`,
  )
  await (await data()).close()
  return 0
}
