import { readFileSync } from 'node:fs'
import { SYSTEMS } from './systems.mjs'

/** Environment files: the settings of each system, every secret left to be filled in. */
export function envFiles() {
  return Object.fromEntries(
    SYSTEMS.map(({ name }) => {
      // These two are for the start scripts; the services that are made here say them in their commands.
      const own = readFileSync(
        new URL(`../../systems/${name}/.env.example`, import.meta.url),
        'utf8',
      ).replace(/^(# For the start scripts|CONCURRENCY|LOG_LEVEL)[=.].*\n/gm, '')
      return [
        `env/${name}.env.example`,
        `# /etc/celery/${name}.env, owner root, mode 0640, group of the service. Made by deploy/make from systems/${name}/.env.example.\n${own}# For the database's own container.\nPOSTGRES_USER=CHANGE_ME\nPOSTGRES_PASSWORD=CHANGE_ME\n`,
      ]
    }),
  )
}
