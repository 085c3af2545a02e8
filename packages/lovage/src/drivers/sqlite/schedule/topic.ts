/** The topic of a SQLite file under which changes of entries are told. */
export const TOPIC = 'schedule'
