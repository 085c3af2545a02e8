/** The topic of a SQLite file under which changes of entries are announced. */
export const TOPIC = 'schedule'
