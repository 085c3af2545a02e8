import type { SqliteFile } from '../file/index.js'
import type program from './program.js'

const PROGRAM = new URL('./program.js', import.meta.url)

/** Prepares the messages' tables and procedures in an open file. */
export const loadMessages = (file: SqliteFile) => file.load<typeof program>(PROGRAM)

/** The messages' program, seen from outside its thread. */
export type MessageProcedures = Awaited<ReturnType<typeof loadMessages>>
