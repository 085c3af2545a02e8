import { setFlagsFromString } from 'node:v8'

/** V8 of Node 20 to 24: others may not know the flag, and would say so on standard error. */
const KNOWN = /^1[1-3]\./
const USUAL = 2

const grow = (factor: number): void => {
  if (KNOWN.test(process.versions.v8)) setFlagsFromString(`--semi-space-growth-factor=${factor}`)
}

/**
 * Keeps the space for young objects as small as it begins while a process loads its modules, most of which stay for good: V8
 * would make it sixteen times as large for them, and a process that then waits would hold fifteen megabytes for nothing. Undo
 * it (`letYoungHeapGrow`) before work begins, which pays for the space by fewer collections.
 */
export const keepYoungHeapSmall = (): void => grow(1)

/** Lets the space for young objects grow with what is allocated, as usual. */
export const letYoungHeapGrow = (): void => grow(USUAL)
