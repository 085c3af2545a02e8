import { setFlagsFromString } from 'node:v8'

/** V8 of Node 20 to 24: others may not know the flag, and would complain on standard error. */
const KNOWN = /^1[1-3]\./
const USUAL = 2

const grow = (factor: number): void => {
  if (KNOWN.test(process.versions.v8)) setFlagsFromString(`--semi-space-growth-factor=${factor}`)
}

/**
 * Keeps the young generation at its initial size while a process loads its modules, most of which stay for good. V8 would otherwise grow
 * it sixteenfold, and an idle process would hold fifteen megabytes for nothing. Undo it (`letYoungHeapGrow`) before work begins, when the
 * space pays for itself in fewer collections.
 */
export const keepYoungHeapSmall = (): void => grow(1)

/** Lets the young generation grow with allocation, as usual. */
export const letYoungHeapGrow = (): void => grow(USUAL)
