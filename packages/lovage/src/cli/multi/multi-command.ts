import type { Command } from 'commander'

/** Only its help: its command line, with options for single nodes, is parsed earlier by `multi/parse.ts`. */
export function addMulti(program: Command): void {
  program
    .command('multi <action> [nodes...]')
    .summary('start and stop several workers in the background')
    .description(
      'Starts and stops workers in the background, each with its own pid file and log file. Name the nodes, or give a number: 3 means celery1, celery2, celery3. Options are those of worker.',
    )
    .allowUnknownOption()
    .addHelpText('after', HELP)
    .action((_action, _nodes, _options, command: Command) => command.help())
}

const HELP = `
Actions:
  start      start the nodes
  stop       stop them with TERM, or with the given signal (-QUIT, -9)
  stopwait   stop them and wait until they are gone
  restart    stopwait, then start
  kill       stop them with KILL; their messages return when their leases expire
  names      print their names
  show       print the commands that start them

Files: --pidfile (default %n.pid) and --logfile (default %n%I.log), with %n for the name of the node.
Options of single nodes: -c:w1 3, -Q:mail,web low, --concurrency:2-4=10 by name, place, or range of places.

Examples:
  $ lovage multi start mail web -A src/app.ts -l info -Q:mail mail -c:web 50 --pidfile=/run/shop/%n.pid
  $ lovage multi restart 3 -A src/app.ts
  $ lovage multi stopwait mail web --pidfile=/run/shop/%n.pid`
