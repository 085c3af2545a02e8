import { defineProgram } from './program.js'

/** A program for the tests of this room: notes that any process can add. */
export default defineProgram({
  name: 'notes',
  migrations: [new URL('./notes.suite.sql', import.meta.url)],
  open(connection, host) {
    const insert = connection.prepare('INSERT INTO notes (text) VALUES (?)')
    const select = connection.prepare('SELECT text FROM notes ORDER BY id')
    return {
      writes: {
        add(text: string): number {
          if (text === 'bad') throw new Error('a bad note')
          if (text === 'deadly')
            host.afterCommit(() =>
              setImmediate(() => {
                throw new Error('killed by a note')
              }),
            )
          host.touch('notes')
          return insert.run([text])
        },
      },
      reads: { all: (_: undefined): string[] => select.all<[string]>([]).map(([text]) => text) },
    }
  },
})
